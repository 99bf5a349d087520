"""The page of a segmentation: failures first, contours on slices, every case as a point, and every figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from radcnn.evaluation.segmentation import MEAN, SegmentationJudgement
from radcnn.plan.settings import Reason
from radcnn.reports import headline, tables
from radcnn.reports.figures.canvas import Drawn
from radcnn.reports.figures.outlined import points_drawing, volumes_drawing
from radcnn.reports.figures.training import curves
from radcnn.reports.numbers import Shown, several, shown
from radcnn.reports.page import environment_of_pages, styles
from radcnn.reports.pictures import data_uri
from radcnn.reports.story import EpochRow, FindingLine, Opening

SECTIONS: Mapping[str, str] = {
    "figures": "Figures of every structure",
    "pictures": "Contours: the worst cases first",
    "points": "Every case",
    "volumes": "Volumes",
    "training": "Training",
    "split": "Split and ledger",
    "findings": "Findings about the data",
    "plan": "Plan, and the reason of every rule",
    "reproduce": "How to do it again",
    "limits": "Limits of use",
}
SLICE = 640  # pixels of the longer side of a picture
MEANINGS = {
    "Dice": "overlap, 2 |A and B| / (|A| + |B|); 1 is equal",
    "IoU": "overlap, |A and B| / |A or B|; 1 minus it is the volumetric overlap error",
    "volume difference": "(predicted - true) / true volume; 0 is equal",
    "sensitivity": "share of the reference that was found",
    "precision": "share of the prediction that is right",
    "surface Dice": "share of both surfaces within 2 {length} of each other",
    "mean distance": "average symmetric surface distance, in {length}",
    "RMS distance": "root mean square surface distance, in {length}",
    "95 % distance": "within which 95 % of a surface lies, in {length}",
    "largest distance": "Hausdorff distance, in {length}",
    "lesion F1": "2 found / (2 found + missed + made up), of separate parts",
    "lesion sensitivity": "share of separate parts that were found",
    "false lesions": "separate parts that were made up, for each case",
    "reference ml": "true volume",
    "predicted ml": "predicted volume",
}


@dataclass(frozen=True)
class Contoured:
    """One slice of a case with the contours of reference and prediction, as 8-bit PNGs of one size."""

    number: int
    rank: str
    sentence: str
    plain: bytes
    contours: bytes


@dataclass(frozen=True)
class SegmentationStory:
    """What the page says; fields that other pages have, too, have the same names."""

    title: str
    task: str
    data: str
    created: str
    version: str
    judged: SegmentationJudgement
    side: str
    cases: str
    split_rule: str
    split_hash: str
    openings: tuple[Opening, ...]
    findings: tuple[FindingLine, ...]
    passed: tuple[str, ...]
    not_applicable: tuple[tuple[str, str], ...]
    reasons: tuple[Reason, ...]
    plan: str
    history: tuple[EpochRow, ...]
    contoured: tuple[Contoured, ...]
    failures: tuple[str, ...]
    colours: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]
    hashes: Mapping[str, str]
    seeds: Mapping[str, int]
    environment: Mapping[str, str]
    limits: tuple[str, ...]
    figure: str = "Dice"
    synthetic: bool = False
    external: None = None
    pairs: tuple[()] = ()
    pairs_found: int = 0

    @property
    def standing(self) -> tuple[FindingLine, ...]:
        """Errors that nobody muted."""
        return tuple(finding for finding in self.findings if finding.is_error and finding.muted is None)


@dataclass(frozen=True)
class StructureRow:
    """A figure of every structure; a cell is None where a structure has no such figure."""

    name: str
    meaning: str
    cells: tuple[Shown | None, ...]


def render_segmentation(story: SegmentationStory) -> str:
    """The HTML page; the same story gives the same bytes."""
    judged = story.judged
    sections = {key: name for key, name in SECTIONS.items() if key != "volumes" or judged.volumes}
    each = tables.members(story.history)
    pictures = [
        (one, *(data_uri(png, one.number, longest=SLICE) for png in (one.plain, one.contours)))
        for one in story.contoured
    ]
    return environment_of_pages().get_template("segmentation.html.j2").render(
        story=story,
        sections=sections,
        styles=Markup(styles()),  # noqa: S704 our own file
        use=headline.RESEARCH_USE,
        synthetic=headline.SYNTHETIC,
        openings=headline.openings_said(story.openings, judged=story.side == "internal test"),
        structures=tuple(judged.table),
        rows=structure_rows(judged),
        result=result_sentence(story),
        pictures=pictures,
        points=[_points(judged, figure, k) for k, figure in enumerate(("Dice", "surface Dice"))],
        volumes=[_volumes(judged, structure, k) for k, structure in enumerate(judged.volumes)],
        training_figures=[
            curves(rows, figure_name=story.figure, member=f"Network {rows[-1].member}", name=f"curves-{k}")
            for k, rows in enumerate(each)
        ],
        training_rows=[tables.summary(rows) for rows in each],
        pairs=(),
    )  # fmt: skip


def structure_rows(judged: SegmentationJudgement) -> list[StructureRow]:
    """Every figure as a row, structures side by side."""
    names = dict.fromkeys(name for table in judged.table.values() for name in table)
    return [
        StructureRow(
            name,
            MEANINGS.get(name, "").format(length=judged.length),
            tuple(shown(table[name], judged.unit) if name in table else None for table in judged.table.values()),
        )
        for name in names
    ]


def result_sentence(story: SegmentationStory) -> str:
    """The main figure: Dice, of all structures together where there are several."""
    judged = story.judged
    which = MEAN if MEAN in judged.table else next(iter(judged.table))
    dice, far = judged.table[which]["Dice"], judged.table[which]["95 % distance"]
    return (
        f"On the {story.side} set, {several(len(judged.cases), 'case')}: Dice of {which} {shown(dice, judged.unit)}, "
        f"95 % of the surface within {far.value:.1f} {judged.length}."
    )


def _points(judged: SegmentationJudgement, figure: str, k: int) -> Drawn:
    values = {name: [case.figures[name][figure] for case in judged.cases] for name in judged.structures}
    return points_drawing(values, figure=figure, name=f"points-{k}")


def _volumes(judged: SegmentationJudgement, structure: str, k: int) -> Drawn:
    figures = [case.figures[structure] for case in judged.cases]
    return volumes_drawing(
        [one["reference ml"] for one in figures], [one["predicted ml"] for one in figures], judged.volumes[structure],
        structure=structure, name=f"volumes-{k}",
    )  # fmt: skip
