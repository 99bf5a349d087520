"""Success and seconds of attacks: radcnn's beside those of torchattacks and ART, on one network and budgets.

    pip install torchattacks adversarial-robustness-toolbox     # peers of this benchmark only
    python benchmarks/attacks_peers.py RUN/bundle IMAGES.npz [--cases 200] [--repeats 5] [--budgets 1 2 4 8]

IMAGES.npz is in MedMNIST's form; its test images are attacked, at budgets in grey levels. All attacks get the images
that are right without attack, in batches of 64, 20 steps and one start. Both peers expect values 0..1 and one logit per
class: the network is wrapped so for them, which costs a concatenation.
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

from radcnn.attacks.answers import Answers
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
    print(f"{'attack':<22}" + "".join(f"{f'{budget:g} grey levels':>22}" for budget in said.budgets))
    for name, attack in everyone.items():
        cells = [measured(right, attack, budget / GREY, said.repeats) for budget in said.budgets]
        print(f"{name:<22}" + "".join(f"{f'{share:.3f} in {seconds:.2f} s':>22}" for share, seconds in cells))


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


def measured(right: Right, attack: Attack, epsilon: float, repeats: int) -> tuple[float, float]:
    """The share turned, and the median of seconds."""
    seconds, found = [], right.images
    for _ in range(repeats):
        started = time.perf_counter()
        pairs = zip(right.images.split(BATCH), right.labels.split(BATCH), strict=True)
        found = torch.cat([attack(x, y, epsilon) for x, y in pairs])
        seconds.append(time.perf_counter() - started)
    assert (found - right.images).abs().max() <= epsilon + 1e-5
    return right.turned(found), statistics.median(seconds)


def ours(right: Right) -> dict[str, Attack]:
    """radcnn's FGSM and PGD."""

    def given(x: Tensor, epsilon: float) -> dict[str, object]:
        one = torch.ones(len(x))
        return {"epsilon": epsilon * one, "low": 0 * one, "high": one, "answers": right.answers}

    settings = PgdSettings(steps=STEPS, starts=1)
    return {
        "radcnn fgsm": lambda x, y, e: fgsm(right.network, x, y, **given(x, e)),
        "radcnn pgd": lambda x, y, e: pgd(right.network, x, y, **given(x, e), settings=settings),
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
    except ImportError:
        print("torchattacks is not installed: pip install torchattacks")
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
    except ImportError:
        print("ART is not installed: pip install adversarial-robustness-toolbox")
        return {}
    network, classes = _classes(right)
    wrapped = PyTorchClassifier(
        network, nn.CrossEntropyLoss(), tuple(right.images.shape[1:]), classes, clip_values=(0.0, 1.0)
    )

    def one_step(x: Tensor, y: Tensor, epsilon: float) -> Tensor:
        return torch.from_numpy(FastGradientMethod(wrapped, eps=epsilon).generate(x.numpy(), y.long().numpy()))

    def iterated(x: Tensor, y: Tensor, epsilon: float) -> Tensor:
        made = ProjectedGradientDescentPyTorch(
            wrapped, eps=epsilon, eps_step=epsilon / 4, max_iter=STEPS, num_random_init=1, verbose=False
        )
        return torch.from_numpy(made.generate(x.numpy(), y.long().numpy()))

    return {"ART fgsm": one_step, "ART pgd": iterated}


if __name__ == "__main__":
    main()
