"""The page of a segmentation: failures first, contours on slices, every case as a point, and every figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from radcnn.evaluation.segmentation import AXIS, CELLS, MEAN, ML, SegmentationJudgement
from radcnn.reports.figures.canvas import Drawn
from radcnn.reports.figures.outlined import agreement_drawing, points_drawing
from radcnn.reports.images import ImageStory, render_images
from radcnn.reports.numbers import Shown, several, shown
from radcnn.reports.pictures import data_uri

OWN: Mapping[str, str] = {
    "figures": "Figures of every structure",
    "pictures": "Contours: the worst cases first",
    "points": "Every case",
    "volumes": "Volumes and diameters",
}
SLICE = 640  # pixels of the longer side of a picture
MEANINGS = {
    "Dice": "overlap, 2 |A and B| / (|A| + |B|); 1 is equal",
    "expected Dice": "Dice that the networks expect by their own probabilities, where something is outlined",
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
    "F1 of lesions under 10 mm": "by the diameter of a ball of the same volume",
    "F1 of lesions of 10 to 20 mm": "likewise; what was made up counts by its own size",
    "F1 of lesions over 20 mm": "likewise",
    "lesions": "separate parts of the reference, for each case",
    "false lesions": "separate parts that were made up, for each case",
    "pixel error": "share of pixels that are cell in one image and not in the other",
    "Rand error": "1 - F of V_Rand: of pairs of pixels, which are in one cell",
    "information error": "1 - F of V_Info: what each partition into cells tells of the other",
    "warping error": "share of pixels where cells were split, joined, lost or made up",
    "reference ml": "true volume",
    "predicted ml": "predicted volume",
    "reference long axis": "true longest diameter in a slice, of the largest part, in mm",
    "predicted long axis": "predicted longest diameter in a slice, in mm",
}


@dataclass(frozen=True)
class Contoured:
    """One slice of a case with the contours of reference and prediction, as 8-bit PNGs of one size."""

    number: int
    rank: str
    sentence: str
    plain: bytes
    contours: bytes


@dataclass(frozen=True, kw_only=True)
class SegmentationStory(ImageStory):
    """What the page says of outlined structures."""

    judged: SegmentationJudgement
    contoured: tuple[Contoured, ...]
    failures: tuple[str, ...]
    colours: tuple[tuple[str, str], ...]
    figure: str = "Dice"


@dataclass(frozen=True)
class StructureRow:
    """A figure of every structure; a cell is None where a structure has no such figure."""

    name: str
    meaning: str
    cells: tuple[Shown | None, ...]


def render_segmentation(story: SegmentationStory) -> str:
    """The HTML page; the same story gives the same bytes."""
    judged = story.judged
    pictures = [
        (one, *(data_uri(png, one.number, longest=SLICE) for png in (one.plain, one.contours)))
        for one in story.contoured
    ]
    return render_images(
        "segmentation.html.j2", story, {key: name for key, name in OWN.items() if key != "volumes" or judged.volumes},
        structures=tuple(judged.table),
        rows=structure_rows(judged),
        result=result_sentence(story),
        pictures=pictures,
        points=[_points(judged, figure, k) for k, figure in enumerate(("Dice", "surface Dice"))],
        volumes=[
            drawing
            for k, structure in enumerate(judged.volumes)
            for drawing in (_agreement(judged, structure, ML, k), _agreement(judged, structure, AXIS, k))
            if drawing is not None
        ],
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
    """The main figure: Dice, of all structures together where there are several; of cells how they are parted."""
    judged = story.judged
    which = MEAN if MEAN in judged.table else next(iter(judged.table))
    dice, far = judged.table[which]["Dice"], judged.table[which]["95 % distance"]
    parted = next((table for table in judged.table.values() if CELLS[0] in table), {})
    cells = "".join(f", {name} {parted[name].value:.4f}" for name in CELLS if name in parted)
    return (
        f"On the {story.side} set, {several(len(judged.cases), 'case')}: Dice of {which} {shown(dice, judged.unit)}, "
        f"95 % of the surface within {far.value:.1f} {judged.length}{cells}."
    )


def _points(judged: SegmentationJudgement, figure: str, k: int) -> Drawn:
    values = {name: [case.figures[name][figure] for case in judged.cases] for name in judged.structures}
    return points_drawing(values, figure=figure, name=f"points-{k}")


def _agreement(judged: SegmentationJudgement, structure: str, what: str, k: int) -> Drawn | None:
    """The plot of a structure's volumes or long axes; None where a judgement has none, as one made earlier."""
    found = (judged.volumes if what == ML else judged.diameters).get(structure)
    if found is None:
        return None
    figures = [case.figures[structure] for case in judged.cases]
    named, unit = ("volumes", "ml") if what == ML else ("longest diameters", "mm")
    return agreement_drawing(
        [one[f"reference {what}"] for one in figures], [one[f"predicted {what}"] for one in figures], found,
        what=f"{named} of {structure}", unit=unit, name=f"{named.split()[-1]}-{k}",
    )  # fmt: skip
