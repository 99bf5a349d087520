"""The tables of the report: figures in rows, sides of the split in columns, every cell with its interval and n."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from radcnn.core.case import SideName, Unit
from radcnn.core.estimate import Estimate
from radcnn.evaluation.judgement import Judgement, Question, SubgroupRow
from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.numbers import clauses, in_words, meaning, note_words, point_origin, point_words, several, shown

Judged = Sequence[tuple[SideName, Judgement]]


def overall(judged: Judged) -> FigureTable:
    """The figures of the whole target, side beside side."""
    rows = _rows([judgement.figures for _, judgement in judged], _unit(judged), judged[0][1].parts)
    return FigureTable("Figures of the whole target", (Head(_columns(judged)),), (FigureGroup("", rows),))


def of_question(judged: Judged, index: int) -> FigureTable:
    """The threshold-free figures of question number `index`, side beside side."""
    questions = [judgement.questions[index] for _, judgement in judged]
    rows = _rows([question.figures for question in questions], _unit(judged))
    caption = f"{questions[0].name}: figures of the scores"
    return FigureTable(caption, (Head(_columns(judged)),), (FigureGroup("", rows),))


def of_value(judged: Judged, index: int) -> FigureTable:
    """The figures of value number `index`, side beside side."""
    values = [judgement.values[index] for _, judgement in judged]
    rows = _rows([value.figures for value in values], _unit(judged))
    return FigureTable(f"{values[0].name}: figures of the value", (Head(_columns(judged)),), (FigureGroup("", rows),))


def of_points(judged: Judged, index: int) -> FigureTable | None:
    """What the operating points of question number `index` reach, side beside side; None without points."""
    questions = [judgement.questions[index] for _, judgement in judged]
    points = [[question.points[k] for question in questions] for k in range(_points(questions))]
    if not points:
        return None
    sides = tuple(side for side, _ in judged)
    heads = tuple(Head(sides, point_words(p[-1].point.name), point_origin(p[-1])) for p in points)
    rows = _rows([result.figures for point in points for result in point], _unit(judged))
    caption = f"{questions[0].name}: {questions[0].positive} against {questions[0].negative}, at each operating point"
    return FigureTable(caption, heads, (FigureGroup("", rows),))


def notes(judged: Judged) -> dict[str, str]:
    """Each note of the judgements -> the sides it was made on."""
    made: dict[str, list[str]] = {}
    for side, judgement in judged:
        said = [note_words(note) for note in judgement.notes]
        if judgement.unlabelled:
            said.insert(0, f"{several(judgement.unlabelled, 'case')} without label: not judged.")
        for note in said:
            made.setdefault(note, []).append(side)
    return {note: clauses(sides) for note, sides in made.items()}


def questions_at_a_glance(judgement: Judgement) -> FigureTable:
    """One row per question: its AUC, and sensitivity and specificity at its first operating point."""
    names = ("auc", "sensitivity", "specificity")
    rows = []
    for question in judgement.questions:
        found = question.figures | (question.points[0].figures if question.points else {})
        cells = tuple(shown(found[name], judgement.unit) if name in found else None for name in names)
        share = f"{question.positives:,} of {question.n:,} cases positive"
        rows.append(FigureRow(question.name, share, cells))
    points = {question.points[0].point.name for question in judgement.questions if question.points}
    at = f"; sensitivity and specificity at the point “{point_words(points.pop())}”" if len(points) == 1 else ""
    heads = (Head(tuple(map(in_words, names))),)
    return FigureTable(f"All questions{at}", heads, (FigureGroup("", tuple(rows)),), "columns")


def subgroups(rows: Sequence[SubgroupRow], unit: Unit) -> FigureTable:
    """One row per group, grouped by column."""
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    many = len({row.question for row in rows}) > 1
    groups = []
    for column in dict.fromkeys(row.column for row in rows):
        mine = [row for row in rows if row.column == column]
        made = tuple(
            FigureRow(
                f"{row.value}, {row.question}" if many else row.value,
                f"{row.n:,} cases" + (f", {row.positives:,} positive" if row.positives else ""),
                tuple(shown(row.figures[name], unit) if name in row.figures else None for name in names),
            )
            for row in mine
        )
        groups.append(FigureGroup(column, made))
    return FigureTable("Figures per subgroup", (Head(tuple(map(in_words, names))),), tuple(groups), "columns")


def _rows(sides: Sequence[Mapping[str, Estimate]], unit: Unit, questions: int = 1) -> tuple[FigureRow, ...]:
    names = dict.fromkeys(name for figures in sides for name in figures)
    return tuple(
        FigureRow(
            in_words(name, questions=questions),
            meaning(name),
            tuple(shown(figures[name], unit) if name in figures else None for figures in sides),
        )
        for name in names
    )


def _points(questions: Sequence[Question]) -> int:
    """Operating points that every side has."""
    return min(len(question.points) for question in questions)


def _columns(judged: Judged) -> tuple[str, ...]:
    return tuple(f"{side} (n = {judgement.n:,})" for side, judgement in judged)


def _unit(judged: Judged) -> Unit:
    return judged[0][1].unit
