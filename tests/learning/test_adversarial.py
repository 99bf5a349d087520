"""Training against attacks: harder to turn, repeatable, counted, and nothing else where nobody asks for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from radcnn.attacks.answers import Aim, Answers
from radcnn.attacks.hardening import own_range
from radcnn.attacks.pgd import PgdSettings, pgd
from radcnn.core.target import Target
from radcnn.learning.batches import Cases
from radcnn.learning.case_lesson import CaseLesson
from radcnn.learning.loop import fit
from radcnn.networks import Network
from radcnn.plan.adversarial import Adversarial
from radcnn.tasks import make_task
from written_lessons import PLAIN, lesson, planted, tiny_network

REACH = 0.3  # of noise of .5 about a square of 1.5


def against(cases: Cases, attack: str | None, epochs: int = 8, **changes: object) -> CaseLesson:
    attacks = None if attack is None else Adversarial(attack, REACH)  # type: ignore[arg-type]
    made = lesson(cases, epochs=epochs, learning_rate=1e-2, adversarial=attacks, **changes)
    reach = None if attack is None else np.full(len(cases), REACH, np.float32)
    return replace(made, epsilon=reach)


def taught(made: CaseLesson, folder: Path) -> Network:
    network = tiny_network()
    torch.set_num_threads(1)
    list(fit(made, network, folder, PLAIN))
    return network.eval().requires_grad_(False)


def shares(network: Network, cases: Cases, rows: NDArray[np.intp]) -> tuple[float, float]:
    """Right answers as images are, and under PGD of 20 steps."""
    images, targets = cases.batch(rows)
    labels, answers, (low, high) = targets[:, 0], Answers("binary"), own_range(images)
    worse = pgd(
        network, images, Aim(answers, labels), epsilon=torch.full((len(rows),), REACH), low=low, high=high,
        settings=PgdSettings(starts=1),
    )  # fmt: skip
    clean, attacked = (answers.right(network(one), labels).float().mean().item() for one in (images, worse))
    return clean, attacked


def test_a_network_trained_against_attacks_is_harder_to_turn(tmp_path: Path) -> None:
    cases = planted(120)
    held = {}
    for attack in (None, "fgsm", "pgd"):
        made = against(cases, attack)
        held[attack] = shares(taught(made, tmp_path / str(attack)), cases, made.tuning)
    for attack in ("fgsm", "pgd"):
        assert held[attack][1] > held[None][1] + 0.1
        assert held[attack][0] > 0.9


def test_the_same_seed_gives_the_same_weights_and_another_one_others(tmp_path: Path) -> None:
    made = [
        taught(against(planted(), "pgd", epochs=2, seed=seed), tmp_path / str(k)).state_dict()
        for k, seed in enumerate((0, 0, 1))
    ]
    same, other = ([torch.equal(made[0][name], made[k][name]) for name in made[0]] for k in (1, 2))
    assert all(same)
    assert not all(other)


def test_a_checkpoint_is_not_gone_on_with_under_another_budget() -> None:
    made = against(planted(), "pgd")
    assert made.epsilon is not None
    others = [against(planted(), "fgsm"), replace(made, epsilon=2 * made.epsilon), against(planted(), None)]
    assert len({one.identity() for one in (made, *others)}) == 4


@pytest.mark.parametrize(
    ("target", "outputs"),
    [
        (Target("multiclass", ("grade",), ("low", "middle", "high")), 3),
        (Target("multilabel", ("effusion", "nodule"), ("no", "yes")), 2),
    ],
)
@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_every_kind_of_answer_is_attacked_while_it_is_learned(target: Target, outputs: int, attack: str) -> None:
    images = planted(24).images
    truth = (np.arange(24) % outputs).astype(float)[:, None]
    if target.kind == "multilabel":
        truth = np.concatenate([truth, 1 - truth], 1)
    truth[-1] = np.nan
    made = against(Cases(images, truth), attack, mixup=0.3, label_smoothing=0.1)
    made = replace(made, task=make_task(target))
    network = tiny_network(outputs=outputs, dropout=0.0).train()  # which units drop out is drawn anew each time
    batch = next(made.batches(0, 0))
    plain = replace(made, plan=replace(made.plan, adversarial=None))
    harder = made.loss(network, batch, 0, 0, PLAIN)
    assert torch.isfinite(harder)
    assert harder > plain.loss(network, batch, 0, 0, PLAIN)
