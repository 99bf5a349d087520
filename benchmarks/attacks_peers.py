"""Success and seconds of attacks: radcnn's beside those of torchattacks and ART, on one network and budgets.

    pip install --no-deps --target PEERS \\
        torchattacks requests adversarial-robustness-toolbox six tqdm
    PYTHONPATH=src:PEERS python benchmarks/attacks_peers.py RUN/bundle IMAGES.npz \\
        [--cases 200] [--repeats 5] [--budgets 1 2 4 8]

IMAGES.npz is in MedMNIST's form; its test images are attacked, at budgets in grey levels.

Equal for all: the network (one object, float32, on the CPU, as many threads, in evaluation mode, weights without
slopes), the images (those that are right without attack), batches of 64, the budget, values 0..1, 20 steps and one
start of PGD, the measure of success (the network's own answer at a logit of 0, or its most probable class). Medians of
`--repeats`; repeats go round all attacks, so that a busy hour is nobody's alone. An uncounted round comes first.

Not equal: both peers expect one logit per class, so that a network of one logit is wrapped for them, which costs a
concatenation; ART takes numpy arrays, whose copies are its own time. Steps are each package's own: peers take a quarter
of the budget from a random start, radcnn shrinking ones from FGSM's point, and leaves images alone once they are
fooled. "radcnn pgd, all steps" does not, and so takes as many slopes as the peers.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from radcnn.attacks.answers import Aim, Answers
from radcnn.attacks.fgsm import fgsm
from radcnn.attacks.pgd import PgdSettings, pgd
from radcnn.inference.bundle import load_bundle
from radcnn.study.stressing.tested import answering

BATCH, STEPS, GREY = 64, 20, 255.0
Attack = Callable[[Tensor, Tensor, float], Tensor]


class TwoLogits(nn.Module):
    """A network of one logit with two: 0 for the negative answer."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 2)."""
        logits = self.network(images)
        return torch.cat([torch.zeros_like(logits), logits], 1)


@dataclass(frozen=True)
class Right:
    """Images 0..1 that are right without attack, and their labels."""

    network: nn.Module
    answers: Answers
    images: Tensor
    labels: Tensor

    def turned(self, attacked: Tensor) -> float:
        """The share whose answer is turned."""
        with torch.no_grad():
            logits = torch.cat([self.network(part) for part in attacked.split(BATCH)])
        return float((~self.answers.right(logits, self.labels)).float().mean())


def main() -> None:
    """Time every attack at every budget and print a table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("bundle", type=Path)
    asked.add_argument("images", type=Path)
    asked.add_argument("--cases", type=int, default=200)
    asked.add_argument("--repeats", type=int, default=5)
    asked.add_argument("--budgets", type=float, nargs="+", default=[1.0, 2.0, 4.0, 8.0])
    said = asked.parse_args()
    right = right_cases(said.bundle, said.images, said.cases)
    everyone = {**ours(right), **torchattacks_of(right), **art_of(right)}
    print(f"{len(right.images)} cases that are right, medians of {said.repeats} on {torch.get_num_threads()} threads")
    found = {budget: measured(right, everyone, budget / GREY, said.repeats) for budget in said.budgets}
    print(f"{'attack':<24}" + "".join(f"{f'{budget:g} grey levels':>22}" for budget in said.budgets))
    for name in everyone:
        cells = [found[budget][name] for budget in said.budgets]
        print(f"{name:<24}" + "".join(f"{f'{share:.3f} in {seconds:.2f} s':>22}" for share, seconds in cells))


def right_cases(bundle: Path, images: Path, cases: int) -> Right:
    """The first cases that a bundle of one logit answers rightly."""
    made, networks = load_bundle(bundle)
    if made.target.kind == "multilabel" or made.preparation.intensity.kind != "range":
        sys.exit("this benchmark needs one label, and images that are prepared as 0..255 to 0..1")
    network = answering([one.eval().requires_grad_(False) for one in networks[:1]], "identity", dims=2)
    answers = Answers(made.target.kind)
    with np.load(images, allow_pickle=False) as stored:
        x = torch.from_numpy(stored["test_images"][:, None].astype(np.float32) / GREY)
        y = torch.from_numpy(stored["test_labels"][:, 0].astype(np.float32))
    with torch.no_grad():
        good = answers.right(torch.cat([network(part) for part in x.split(BATCH)]), y).nonzero()[:cases, 0]
    return Right(network, answers, x[good], y[good])


def measured(right: Right, attacks: dict[str, Attack], epsilon: float, repeats: int) -> dict[str, tuple[float, float]]:
    """By attack the share turned, and the median of seconds; the first round of all is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in attacks}
    shares: dict[str, float] = {}
    for repeat in range(repeats + 1):
        for name, attack in attacks.items():
            started = time.perf_counter()
            pairs = zip(right.images.split(BATCH), right.labels.split(BATCH), strict=True)
            found = torch.cat([attack(x, y, epsilon) for x, y in pairs])
            if repeat:
                seconds[name].append(time.perf_counter() - started)
            assert found.dtype == torch.float32, f"{name} gives {found.dtype}"
            assert (found - right.images).abs().max() <= epsilon + 1e-5, f"{name} goes beyond its budget"
            shares[name] = right.turned(found.detach())
    return {name: (shares[name], statistics.median(seconds[name])) for name in attacks}


def ours(right: Right) -> dict[str, Attack]:
    """radcnn's FGSM and PGD."""

    def given(x: Tensor, y: Tensor, epsilon: float) -> dict[str, object]:
        one = torch.ones(len(x))
        return {"aim": Aim(right.answers, y), "epsilon": epsilon * one, "low": 0 * one, "high": one}

    settings = PgdSettings(steps=STEPS, starts=1)
    on = PgdSettings(steps=STEPS, starts=1, stop=False)
    return {
        "radcnn fgsm": lambda x, y, e: fgsm(right.network, x, **given(x, y, e)),
        "radcnn pgd": lambda x, y, e: pgd(right.network, x, **given(x, y, e), settings=settings),
        "radcnn pgd, all steps": lambda x, y, e: pgd(right.network, x, **given(x, y, e), settings=on),
    }


def _classes(right: Right) -> tuple[nn.Module, int]:
    """The network with one logit per class, and their number."""
    if right.answers.kind == "binary":
        return TwoLogits(right.network).eval(), 2
    with torch.no_grad():
        return right.network, right.network(right.images[:1]).shape[1]


def torchattacks_of(right: Right) -> dict[str, Attack]:
    """FGSM and PGD of torchattacks, where it is installed."""
    try:
        import torchattacks
    except ImportError as cause:
        print(f"torchattacks cannot be used: {cause}")
        return {}
    network, _ = _classes(right)
    return {
        "torchattacks fgsm": lambda x, y, e: torchattacks.FGSM(network, eps=e)(x, y.long()),
        "torchattacks pgd": lambda x, y, e: torchattacks.PGD(network, eps=e, alpha=e / 4, steps=STEPS)(x, y.long()),
    }


def art_of(right: Right) -> dict[str, Attack]:
    """FGSM and PGD of the Adversarial Robustness Toolbox, where it is installed."""
    try:
        from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescentPyTorch
        from art.estimators.classification import PyTorchClassifier
    except ImportError as cause:
        print(f"ART cannot be used: {cause}")
        return {}
    network, classes = _classes(right)
    wrapped = PyTorchClassifier(
        network,
        nn.CrossEntropyLoss(),
        tuple(right.images.shape[1:]),
        classes,
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )

    def one_step(x: Tensor, y: Tensor, epsilon: float) -> Tensor:
        return torch.from_numpy(
            FastGradientMethod(wrapped, eps=epsilon, batch_size=BATCH).generate(x.numpy(), y.long().numpy())
        )

    def iterated(x: Tensor, y: Tensor, epsilon: float) -> Tensor:
        made = ProjectedGradientDescentPyTorch(
            wrapped,
            eps=epsilon,
            eps_step=epsilon / 4,
            max_iter=STEPS,
            num_random_init=1,
            batch_size=BATCH,
            verbose=False,
        )
        return torch.from_numpy(made.generate(x.numpy(), y.long().numpy()))

    return {"ART fgsm": one_step, "ART pgd": iterated}


if __name__ == "__main__":
    main()
