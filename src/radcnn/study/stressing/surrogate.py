"""Another run of the same study, on whose network an attack is made: what is reached without having this one."""

from __future__ import annotations

from torch import nn

from radcnn.attacks.answers import Answers
from radcnn.core.errors import InputError
from radcnn.inference.bundle import load_bundle
from radcnn.study.folder import find_run
from radcnn.study.stressing.tested import UnderTest, answering, answers_of


def surrogate_of(test: UnderTest, run: str) -> tuple[str, nn.Module, Answers]:
    """The other run's name, its network and what its logits mean.

    Raises InputError where it is the run itself, is of another study or target, or prepares images otherwise.
    """
    other, mine = find_run(run), test.looked.folder
    if not (other.bundle / "bundle.json").is_file():
        raise InputError(f"{other.path} is not trained to the end, so no attack can be made on it")
    if other.path.resolve() == mine.path.resolve():
        raise InputError(f"--surrogate {run} is the run that is attacked; name another run of the study")
    if other.study.path.resolve() != mine.study.path.resolve():
        raise InputError(f"--surrogate {run} is of another study; its network may have seen these cases in training")
    bundle, networks = load_bundle(other.bundle)
    if bundle.target != test.looked.bundle.target or bundle.preparation != test.looked.bundle.preparation:
        raise InputError(
            f"--surrogate {run} takes other images or gives other answers than {mine.name}; train one with the same "
            "preparation (another seed or network)"
        )
    placed = [network.eval().requires_grad_(False) for network in networks]
    dims = test.looked.plan.preparation.dims
    return other.name, answering(placed, bundle.views, dims=dims), answers_of(bundle)[0]
