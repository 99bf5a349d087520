"""What the adversarial audit says of itself: how it was made, what it means for patients, and what not."""

from __future__ import annotations

from collections.abc import Sequence

from radcnn.recipes.audit_ways import TRAINED_AT

SAYS = (
    "What it says: how far answers are from being turned in the worst direction, measured with the grain that each "
    "image has anyway. A change of a small part of the noise is lost in that grain: a network that fails at it answers "
    "by something that a reader cannot rely on. Where training against attacks moves that budget, the weakness was the "
    "training's, not the images'."
)
SAYS_NOT = (
    "What it does not say: how often a patient is harmed. The attack knows the network and changes every voxel as it "
    "likes. The column of changes by chance shows what as large a change does at which nobody aimed. Nobody has such a "
    "hand in a scanner's images by accident; who has it on purpose (an open archive, a claim that pays) is a matter of "
    "security, and of checks on where images come from. It says nothing of other scanners, doses and patients either: "
    "radcnn stress --parts shifts does. Figures of simulated images say nothing about people, and the noise is that of "
    "the image at the size the network is given."
)


def protocol(*, minutes: float, steps: int, starts: int, most_cases: int, budgets: Sequence[float]) -> tuple[str, ...]:
    """What was done, in sentences."""
    return (
        (
            "each family is trained with one plan three ways, for the same epochs: as usual, with random changes twice "
            f"as large, and against PGD of {TRAINED_AT:g} noise sds; {minutes:g} minutes were planned for all of it"
        ),
        (
            f"attacks are PGD of {steps} steps and {starts} starts; each voxel may change by a multiple of the noise "
            f"sd of its own image, within the values of that image, up to {budgets[-1]:g}; at most {most_cases} cases "
            "of each study, drawn by chance, as many as the minutes suffice for"
        ),
        "cases are those of the tuning side, on which thresholds were chosen; no test set was opened",
        (
            "intervals are by patient; that of the halving budget is a bootstrap; it is undefined where accuracy stays "
            "above half up to the largest budget"
        ),
    )
