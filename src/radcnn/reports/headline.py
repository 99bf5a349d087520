"""What the top of the page says: the question, the data, the result and how often the test set was opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from radcnn.core.estimate import Estimate
from radcnn.evaluation.judgement import Judgement, PointResult
from radcnn.reports.numbers import (
    BESIDE,
    Shown,
    clauses,
    in_words,
    of_patients,
    point_origin,
    point_words,
    several,
    shown,
)
from radcnn.reports.story import Opening, Story

RESEARCH_USE = "Research use only. This is not a medical device: do not use it for diagnosis, triage or treatment."
SYNTHETIC = (
    "Synthetic data: the images of this study were simulated. Its figures say how well the network solves the "
    "simulation. They say nothing about patients and must not be compared with published figures."
)


@dataclass(frozen=True)
class KeyFigure:
    """One large number of the first page, and what must stand beside it."""

    name: str
    figure: Shown
    note: str = ""


def data_sentence(story: Story) -> str:
    """On which data: cases, patients, what was left out, and what lies on each side."""
    flow = story.flow
    people = of_patients(flow.patients, story.unit)
    left = sum(out.cases for out in flow.left_out)
    sides = clauses([f"{side.cases:,} {side.name}" for side in flow.sides]) if flow.sides else "not split yet"
    gone = f"; {several(left, 'case')} left out" if left else ""
    unit = "patient" if story.unit == "patient" else "image: cases of one patient may lie on two sides"
    return f"{several(flow.cases, 'case')}{people} from {story.data}{gone}. Split by {unit}: {sides}."


def result_sentences(story: Story) -> tuple[str, ...]:
    """What the main side says; that nothing was judged yet, otherwise."""
    if story.main is None:
        return ("Nothing was evaluated yet.",)
    side, judgement = story.main
    name, estimate = main_figure(judgement)
    figure, words = shown(estimate, judgement.unit), in_words(name, questions=judgement.parts)
    said = [f"On the {side} set: {words} {figure}{_compared(name, judgement.figures, judgement)}."]
    point = main_point(judgement)
    if point is not None:
        said.append(_at(point, judgement))
    found = {**judgement.figures, **(point.figures if point else {})}
    for share in ("accuracy", "exact_match"):
        if share in found:
            figure = shown(found[share], judgement.unit)
            said.append(f"{in_words(share)} {figure}{_compared(share, found, judgement)}.")
    if side == "tuning":
        said.append("Choices were made on the tuning set, so these figures are optimistic; no test set was judged.")
    return tuple(said)


def main_figure(judgement: Judgement) -> tuple[str, Estimate]:
    """The figure a judgement is known by: the first one it lists (AUC, or the mean absolute error)."""
    return next(iter(judgement.figures.items()))


def main_point(judgement: Judgement) -> PointResult | None:
    """The operating point the first page speaks of: the first one of the only question, else None."""
    if len(judgement.questions) != 1:
        return None
    return next(iter(judgement.questions[0].points), None)


def openings_sentence(story: Story) -> str:
    """How often the test set was opened, as its ledger has it."""
    return openings_said(story.openings, judged=story.test is not None)


def openings_said(openings: Sequence[Opening], *, judged: bool = False) -> str:
    """The same from the openings themselves; `judged` says whether there are figures of the test set."""
    count = len(openings)
    if count == 0:
        missing = " although it was judged: the ledger is incomplete" if judged else ": it is still sealed"
        return f"No opening of the internal test set stands in its ledger{missing}."
    first = openings[0]
    if count == 1:
        return f"The internal test set was opened once, on {first.date} ({first.reason})."
    return (
        f"The internal test set was opened {count} times, first on {first.date}. What was changed after the "
        "first opening may have been fitted to it, and its figures may be optimistic."
    )


def key_figures(story: Story) -> tuple[KeyFigure, ...]:
    """The large numbers of the first page."""
    if story.main is None:
        return ()
    _, judgement = story.main
    name, estimate = main_figure(judgement)
    point = main_point(judgement)
    wanted: list[tuple[str, Estimate]] = [(name, estimate)]
    found = {**judgement.figures, **(point.figures if point else {})}
    extra = ("sensitivity", "specificity", "accuracy", "exact_match", "rmse", "bias", "r2")
    wanted += [(key, found[key]) for key in extra if key in found][: 4 - len(wanted)]
    made = []
    for key, figure in wanted:
        note = f"at {point_words(point.point.name)}" if point and key in point.figures and key not in BESIDE else ""
        if key in BESIDE and BESIDE[key] in found:
            note = f"{in_words(BESIDE[key]).lower()} {shown(found[BESIDE[key]], judgement.unit).value}"
        made.append(KeyFigure(in_words(key, questions=judgement.parts), shown(figure, judgement.unit), note))
    return tuple(made)


def _compared(name: str, figures: dict[str, Estimate], judgement: Judgement) -> str:
    """The figure that must stand beside this one, if any."""
    other = BESIDE.get(name, "")
    if other not in figures:
        return ""
    return f"; {in_words(other).lower()} {shown(figures[other], judgement.unit)}"


def _at(point: PointResult, judgement: Judgement) -> str:
    sensitivity, specificity = (shown(point.figures[key], judgement.unit) for key in ("sensitivity", "specificity"))
    where = f"At the operating point “{point_words(point.point.name)}” ({point_origin(point)})"
    return f"{where}: sensitivity {sensitivity}, specificity {specificity}."
