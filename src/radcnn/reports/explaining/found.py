"""What was found by looking into a network: plain frozen values, written as JSON and told by the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from radcnn.core.case import Side, Unit
from radcnn.core.estimate import Estimate
from radcnn.core.settings import fields_to_plain, from_plain
from radcnn.reports.explaining.features import LayerShown
from radcnn.reports.explaining.groups import Grouped

Outcome = Literal["right", "true positive", "true negative", "false positive", "miss", "wrong", "value"]


@dataclass(frozen=True)
class Figure:
    """One figure of a way of making maps.

    key     what it is: see `reports.explaining.words`
    value   the figure
    chance  what a map that knows nothing of the image reaches; None where the figure has no such level
    beyond  value minus chance within each case, or their ratio; None where that is not made
    of      the class whose maps it is of, where it is of one alone
    """

    key: str
    value: Estimate
    chance: Estimate | None = None
    beyond: Estimate | None = None
    of: str = ""


@dataclass(frozen=True)
class Looked:
    """What one way of making maps came to.

    way      what it is called: the method, and the layer where one was chosen
    method, layer  its parts
    figures  in the order of the report
    """

    way: str
    method: str
    layer: str
    figures: tuple[Figure, ...] = ()

    def figure(self, key: str) -> Figure | None:
        """The figure of this key, or None."""
        return next((one for one in self.figures if one.key == key), None)


@dataclass(frozen=True)
class MapFiles:
    """The maps of one case by one way: names of files below RUN/explain.

    overlay  the image with the map over it, as the network is given it: a PNG for the report
    maps     the map on the image's own grid (NIfTI of volumes, of DICOM series also a Parametric Map; npz and PNG of
             images)
    where    which slice is shown; empty for images
    missing  why there is no Parametric Map of a DICOM series
    """

    way: str
    overlay: str
    maps: tuple[str, ...]
    where: str = ""
    missing: str = ""


@dataclass(frozen=True)
class ExplainedCase:
    """One case that was looked into.

    case     its number in the study
    of       the class, label or value that its maps speak of
    truth, answer  in words
    image    a PNG of the image alone
    """

    case: int
    of: str
    truth: str
    answer: str
    outcome: Outcome
    image: str
    files: tuple[MapFiles, ...] = ()


@dataclass(frozen=True)
class Explained:
    """What looking into the networks of a run came to.

    run, side, model  its folder; of the cases; the hash of the networks
    unit      "patient" or "image": of intervals
    n, patients  that maps were made of
    threshold the words for what answers are given at
    of        what was asked for: "called", or a class
    rule      how the cases were chosen, as a sentence
    marked    where masks or boxes come from, as a sentence; or why localisation is not applicable
    ways      what each way of making maps came to
    sentences what the whole says: which ways beat chance, which fail, and shortcuts
    cases     with their files
    not_applicable  (method or figure, because)
    features  maps of layers that answers rest on, where they were asked for
    grouped   groups of cases that are alike, where they were asked for
    """

    run: str
    side: Side
    model: str
    unit: Unit
    n: int
    patients: int
    threshold: str
    of: str
    rule: str
    marked: str
    ways: tuple[Looked, ...]
    sentences: tuple[str, ...]
    cases: tuple[ExplainedCase, ...]
    not_applicable: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    features: tuple[LayerShown, ...] = ()
    grouped: Grouped | None = None

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        plain: dict[str, Any] = fields_to_plain(self)
        return plain

    @classmethod
    def from_json(cls, value: Any) -> Explained:
        """The inverse of as_json; raises SettingsError for anything else."""
        return from_plain(cls, value, "what explain found")

    def lines(self) -> tuple[str, ...]:
        """What the terminal prints."""
        said = [f"looked into {self.n} {self.side} cases: {self.rule}", f"localisation: {self.marked}"]
        for one in self.ways:
            said.append(one.way)
            said += [f"  {figure.key}: {figure.value}{_beside(figure)}" for figure in one.figures]
        said += [line for layer in self.features for line in layer.lines()]
        said += self.grouped.lines() if self.grouped is not None else ()
        said += self.sentences
        said += [f"not applicable: {name}, because {reason}" for name, reason in self.not_applicable]
        return (*said, *(f"note: {note}" for note in self.notes))


BESIDE = {"randomised": "with the last layer alone", "deletion": "in random order", "insertion": "in random order"}


def _beside(figure: Figure) -> str:
    """What stands beside a figure, in words."""
    if figure.chance is None:
        return ""
    usual = "by its area" if figure.key.startswith(("border", "outside")) else "by chance"
    return f", {BESIDE.get(figure.key, usual)} {figure.chance}"
