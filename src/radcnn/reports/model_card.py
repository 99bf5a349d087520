"""The model card: what stands in a bundle's README.md, in Markdown that any viewer shows.

After Mitchell M, Wu S, Zaldivar A, et al. Model cards for model reporting. FAT* 2019, 220-229.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from radcnn.reports import headline, tables
from radcnn.reports.epochs import members
from radcnn.reports.numbers import in_words, point_origin, point_words, several, shown
from radcnn.reports.restoration import RestorationStory, figure_rows, result_sentence
from radcnn.reports.segmentation import SegmentationStory, structure_rows
from radcnn.reports.segmentation import result_sentence as of_structures
from radcnn.reports.story import Story

PREDICT = ("radcnn predict BUNDLE IMAGE_OR_FOLDER",)
SAFE = (
    "Weights are safetensors, everything else is JSON: loading the bundle executes nothing. `SHA256SUMS` is checked "
    "first, and a changed file is refused. By hand, in this folder: the files are unchanged, and the hash of the model "
    "is the one in the ledger and in the table below:"
)
CHECKS = ("sha256sum -c SHA256SUMS", "grep -v '  README.md$' SHA256SUMS | sha256sum")
REPORTED = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "majority_accuracy")


def model_card(story: Story, *, predict: Sequence[str] = PREDICT) -> str:
    """The Markdown text of a model card; `predict` are commands that use the bundle."""
    curves = f"Verdict of the curves: {story.verdict.label} ({escaped(story.verdict.sentence)})."
    return _card(
        story,
        results=_results(story),
        data=escaped(headline.data_sentence(story)),
        training=f"{_networks(story)} {curves}",
        limits=_limits(story),
        predict=predict,
        provenance=_provenance(story),
    )


def restoration_card(story: RestorationStory, *, predict: Sequence[str]) -> str:
    """The same of a bundle that restores images."""
    judged = story.judged
    rows = [(row.name, *map(str, row.cells), *map(str, row.gains)) for row in figure_rows(judged)]
    heads = ("Figure", *judged.ways, *(f"{way} minus input" for way in judged.gains))
    opened = headline.openings_said(story.openings, judged=story.side == "internal test")
    return _card(
        story,
        results=[escaped(result_sentence(story)), escaped(opened), _table(heads, rows)],
        data=escaped(story.cases),
        limits=[*story.limits, *judged.notes],
        predict=predict,
        provenance=list(story.hashes.items()),
    )


def segmentation_card(story: SegmentationStory, *, predict: Sequence[str]) -> str:
    """The same of a bundle that outlines structures."""
    judged = story.judged
    rows = [(row.name, *(str(cell) if cell else "–" for cell in row.cells)) for row in structure_rows(judged)]
    opened = headline.openings_said(story.openings, judged=story.side == "internal test")
    return _card(
        story,
        results=[escaped(of_structures(story)), escaped(opened), _table(("Figure", *judged.table), rows)],
        data=escaped(story.cases),
        limits=[*story.limits, *judged.notes],
        predict=predict,
        provenance=list(story.hashes.items()),
    )


def _card(
    story: Story | RestorationStory | SegmentationStory,
    *,
    results: Sequence[str],
    data: str,
    training: str = "",
    limits: Sequence[str],
    predict: Sequence[str],
    provenance: Sequence[Sequence[str]],
) -> str:
    """What every card says, in its order."""
    parts = [
        f"# {escaped(story.title)}",
        f"**{headline.RESEARCH_USE}**",
        *([f"**{headline.SYNTHETIC}**"] if story.synthetic else []),
        "## What it does",
        escaped(story.task),
        "## Results",
        *results,
        "## Data",
        data,
        escaped(story.split_rule),
        "## Training",
        training,
        _bullets([f"{reason.setting}: {reason.value}. {reason.sentence}" for reason in story.reasons]),
        "## Limits of use",
        _bullets(limits),
        "## How to use it",
        _code(predict),
        SAFE,
        _code(CHECKS),
        "## How to make it again",
        _code(story.commands) if story.commands else "",
        _table(("What", "Value"), provenance),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, one line.

    >>> escaped("a|b <i>*c*")
    'a\\\\|b &lt;i&gt;\\\\*c\\\\*'
    """
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_\[\]|~#!])", r"\\\1", line)
    return line.replace("://", ":&#47;&#47;")  # no viewer makes a link of it


def _results(story: Story) -> list[str]:
    if not story.judged:
        return ["Nothing was evaluated yet."]
    made = [" ".join(map(escaped, headline.result_sentences(story))), escaped(headline.openings_sentence(story))]
    table = tables.overall(story.judged)
    rows = [(row.name, *(str(cell) if cell else "–" for cell in row.cells)) for row in table.groups[0].rows]
    made.append(_table(("Figure", *table.heads[0].columns), rows))
    values = story.judged[0][1].values
    for index, value in enumerate(values if len(values) > 1 else ()):
        table = tables.of_value(story.judged, index)
        rows = [(row.name, *(str(cell) if cell else "–" for cell in row.cells)) for row in table.groups[0].rows]
        made.append(_table((value.name, *table.heads[0].columns), rows))
    points = _points(story)
    if points:
        names = ("Operating point", "Question", *(in_words(name) for name in REPORTED))
        made += [f"Operating points on the {story.main[0] if story.main else ''} set:", _table(names, points)]
    return made


def _points(story: Story) -> list[tuple[str, ...]]:
    if story.main is None:
        return []
    judgement = story.main[1]
    return [
        (
            f"{point_words(point.point.name)} ({point_origin(point)})",
            question.name,
            *(str(shown(point.figures[name], judgement.unit)) for name in REPORTED),
        )
        for question in judgement.questions
        for point in question.points
    ]


def _networks(story: Story) -> str:
    each = members(story.history)
    if not each:
        return "No epoch was recorded."
    epochs = several(max(len(rows) for rows in each), "epoch")
    return f"{several(len(each), 'network')}, at most {epochs} each."


def _limits(story: Story) -> list[str]:
    made = [headline.RESEARCH_USE, *([headline.SYNTHETIC] if story.synthetic else [])]
    if story.external is None:
        made.append("No external test was made: how it does on other scanners, sites and populations is not known.")
    return [*made, *story.limits]


def _provenance(story: Story) -> list[tuple[str, ...]]:
    made_by = {"radcnn": story.version, **story.environment}
    return [
        ("created", story.created),
        *((f"{name} (SHA-256)", value) for name, value in story.hashes.items()),
        *((f"seed of {name}", str(seed)) for name, seed in story.seeds.items()),
        *made_by.items(),
    ]


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def _code(lines: Sequence[str]) -> str:
    return "\n".join("    " + re.sub(r"[^\S ]+", " ", line) for line in lines)  # spaces are part of a command


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell if cell == "---" else escaped(cell) for cell in line) + " |" for line in lines
    )
