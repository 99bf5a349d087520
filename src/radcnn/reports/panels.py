"""Which figures the page shows for a Story: per member, per side, per question, per subgroup column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from radcnn.core.case import SideName
from radcnn.evaluation.judgement import Judgement
from radcnn.reports.epochs import members
from radcnn.reports.figure_table import FigureTable
from radcnn.reports.figures import confusion, forest, questions, training, values
from radcnn.reports.figures.canvas import Drawn
from radcnn.reports.numbers import of_patients, several
from radcnn.reports.story import Story
from radcnn.reports.tables import of_points, of_question, of_value

Judged = Sequence[tuple[SideName, Judgement]]


@dataclass(frozen=True)
class QuestionPanel:
    """One question or value: its heading, its tables over all sides, its figures on the test sides."""

    heading: str
    base_rate: str
    tables: tuple[FigureTable, ...]
    figures: tuple[Drawn, ...]
    decisions: tuple[Drawn, ...]


def training_figures(story: Story) -> tuple[Drawn, ...]:
    """One figure per member."""
    each = members(story.history)
    names = ["The network"] if len(each) == 1 else [f"Network {rows[0].member}" for rows in each]
    return tuple(
        training.curves(rows, figure_name=story.figure, member=member, name=f"t{index}")
        for index, (rows, member) in enumerate(zip(each, names, strict=True))
    )


def drawn_sides(story: Story) -> Judged:
    """The sides figures are drawn for: every test side, or tuning when no test set was opened."""
    tests = [(side, judgement) for side, judgement in story.judged if side != "tuning"]
    return tests or story.judged


def target_figures(story: Story) -> tuple[Drawn, ...]:
    """Figures of the whole target: confusion of classes, agreement of its only value."""
    made: list[Drawn] = []
    for k, (side, judgement) in enumerate(drawn_sides(story)):
        if judgement.confusion is not None:
            made.append(confusion.classes(side, judgement.confusion, name=f"c{k}"))
        if len(judgement.values) == 1:
            made += _agreement(side, judgement, 0, name=f"s{k}")
    return tuple(made)


def _agreement(side: SideName, judgement: Judgement, index: int, *, name: str) -> tuple[Drawn, Drawn]:
    """The scatter plot and the Bland-Altman plot of one value."""
    value, unit = judgement.values[index], judgement.unit
    return (
        values.scatter(side, value.agreement, target=value.name, name=f"{name}v"),
        values.bland_altman(side, value.agreement, value.figures, target=value.name, name=f"{name}b", unit=unit),
    )


def value_panels(story: Story) -> tuple[QuestionPanel, ...]:
    """One panel per value of a target of several values."""
    if story.main is None or len(story.main[1].values) < 2:
        return ()
    side, main = story.main
    return tuple(
        QuestionPanel(
            heading=value.name,
            base_rate=f"Known of {value.n:,} of {several(main.n, 'case')} on the {side} set.",
            tables=(of_value(story.judged, index),),
            figures=tuple(
                figure
                for k, (of, judgement) in enumerate(drawn_sides(story))
                for figure in _agreement(of, judgement, index, name=f"w{index}s{k}")
            ),
            decisions=(),
        )
        for index, value in enumerate(main.values)
    )


def question_panels(story: Story) -> tuple[QuestionPanel, ...]:
    """One panel per question of the target."""
    if story.main is None:
        return ()
    side, main = story.main
    panels = []
    for index, question in enumerate(main.questions):
        people = of_patients(question.patients, main.unit)
        panels.append(
            QuestionPanel(
                heading=question.name,
                base_rate=f"{question.positive}: {question.positives:,} of {several(question.n, 'case')}{people} "
                f"on the {side} set (prevalence {question.prevalence:.3f}).",
                tables=_tables(story, index),
                figures=_curves(story, index),
                decisions=_decisions(story, index),
            )
        )
    return tuple(panels)


def _tables(story: Story, index: int) -> tuple[FigureTable, ...]:
    """The question's tables; the scores' figures only where they are not those of the whole target."""
    several_questions = len(story.judged[0][1].questions) > 1
    made = [of_question(story.judged, index) if several_questions else None, of_points(story.judged, index)]
    return tuple(table for table in made if table is not None)


def _curves(story: Story, index: int) -> tuple[Drawn, ...]:
    made: list[Drawn | None] = []
    for k, (side, judgement) in enumerate(drawn_sides(story)):
        question, name = judgement.questions[index], f"q{index}s{k}"
        curves = [(other, judged.questions[index]) for other, judged in story.judged if other == "tuning" != side]
        made += [
            questions.roc([*curves, (side, question)], name=f"{name}r", unit=judgement.unit),
            questions.scores(side, question, name=f"{name}h"),
            questions.reliability(side, question, name=f"{name}c"),
            questions.net_benefit(side, question, name=f"{name}n"),
        ]
    return tuple(figure for figure in made if figure is not None)


def _decisions(story: Story, index: int) -> tuple[Drawn, ...]:
    return tuple(
        figure
        for k, (side, judgement) in enumerate(drawn_sides(story))
        for figure in confusion.decisions(side, judgement.questions[index], name=f"q{index}s{k}d")
    )


def subgroup_figures(story: Story) -> tuple[Drawn, ...]:
    """One forest plot per column and figure, and per value, which has a unit of its own: rows of it share an axis."""
    if story.main is None:
        return ()
    side, main = story.main
    own = {value.name: value.figures for value in main.values}
    groups: dict[tuple[str, str, str], list] = {}
    for row in main.subgroups:
        value = row.question if row.question in own else ""
        groups.setdefault((row.column, next(iter(row.figures)), value), []).append(row)
    made = []
    for index, ((_, figure, value), rows) in enumerate(groups.items()):
        same_question = len({row.question for row in rows}) == 1
        whole = own.get(value, main.figures).get(figure) if same_question else None
        made.append(forest.forest(side, rows, figure_name=figure, whole=whole, unit=main.unit, name=f"g{index}"))
    return tuple(made)
