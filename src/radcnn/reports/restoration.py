"""The page of a restoration: before and after on one slider, the reference, what differs, and every figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from radcnn.core.estimate import Estimate
from radcnn.evaluation.restoration import INPUT, RestorationJudgement
from radcnn.metrics.texture import FrequencyCurve
from radcnn.reports.figures.restoration import profile_drawing, spectrum_drawing
from radcnn.reports.images import ImageStory, render_images
from radcnn.reports.numbers import Shown, several, shown
from radcnn.reports.pictures import data_uri

OWN: Mapping[str, str] = {
    "figures": "Figures",
    "pictures": "Before and after: the worst cases",
    "texture": "Noise texture",
    "shifts": "Other doses and kernels",
}
SLICE = 640  # pixels of the longer side of a picture
MEANINGS = {
    "RMSE": "root mean squared difference from the reference, in {units}",
    "regressed SNR": "signal to noise in dB after the best scale and offset (Jin et al. 2017)",
    "PSNR": "peak signal to noise in dB; the data range is the window's width",
    "SSIM": "structural similarity; 1 is equal",
    "VIF": "visual information fidelity; 1 is equal",
    "noise frequency": "mean frequency of what differs in tissue, per mm; lower is coarser",
}


@dataclass(frozen=True)
class Compared:
    """One slice of a case, in one window, as 8-bit PNGs of one size.

    difference  network minus reference, grey is 0
    profiles    values along the line that is marked: by way, in the images' unit
    """

    number: int
    window: str
    sentence: str
    given: bytes
    made: bytes
    reference: bytes
    difference: bytes
    profiles: Mapping[str, Sequence[float]]
    pixel_mm: float | None


@dataclass(frozen=True, kw_only=True)
class RestorationStory(ImageStory):
    """What the page says of restored images."""

    judged: RestorationJudgement
    compared: tuple[Compared, ...]
    spectra: Mapping[str, FrequencyCurve]
    figure: str = "PSNR"


@dataclass(frozen=True)
class FigureRow:
    """A figure of every way, and what each gains over the input."""

    name: str
    meaning: str
    cells: tuple[Shown, ...]
    gains: tuple[Shown, ...]


def render_restoration(story: RestorationStory) -> str:
    """The HTML page; the same story gives the same bytes."""
    judged = story.judged
    ends = {name: (low, high) for name, low, high in judged.windows}
    pictures = [
        (
            one,
            *(data_uri(png, one.number, longest=SLICE) for png in (one.given, one.made, one.reference, one.difference)),
            profile_drawing(one.profiles, one.pixel_mm, judged.units, ends[one.window], name=f"profile-{k}"),
        )
        for k, one in enumerate(story.compared)
    ]
    return render_images(
        "restoration.html.j2", story, {key: name for key, name in OWN.items() if key != "shifts" or judged.shifts},
        rows=figure_rows(judged),
        ways=judged.ways,
        gaining=tuple(judged.gains),
        result=result_sentence(story),
        shifts=shift_rows(judged),
        pictures=pictures,
        spectrum=spectrum_drawing(story.spectra, name="spectrum") if story.spectra else None,
        windows=[f"{name}: {low:g} to {high:g} {judged.units}" for name, low, high in judged.windows],
    )  # fmt: skip


def figure_rows(judged: RestorationJudgement) -> list[FigureRow]:
    """Every figure as a row."""
    names = list(next(iter(judged.table.values()), {}))
    return [
        FigureRow(
            name if name != "RMSE" else f"RMSE ({judged.units})",
            MEANINGS.get(name.partition(",")[0], "").format(units=judged.units),
            tuple(shown(row[name], judged.unit) for row in judged.table.values()),
            tuple(shown(row[name], judged.unit) for row in judged.gains.values()),
        )
        for name in names
    ]


def shift_rows(judged: RestorationJudgement) -> list[tuple[str, list[tuple[str, Shown, Shown, Shown]]]]:
    """For each other dose or kernel: figure, input, network, and the network as it was judged on its own dose."""
    found = []
    for name, table in judged.shifts.items():
        (way,) = (way for way in table if way != INPUT)
        given, made, own = table[INPUT], table[way], judged.table[way]
        unit = judged.unit
        rows = [(one, shown(given[one], unit), shown(made[one], unit), shown(own[one], unit)) for one in given]
        found.append((name, rows))
    return found


def result_sentence(story: RestorationStory) -> str:
    """The main figure: RMSE before and after, and the PSNR that was gained in the last window."""
    judged = story.judged
    way = next((way for way in judged.ways if way != INPUT), INPUT)
    before, after = judged.table[INPUT]["RMSE"], judged.table[way]["RMSE"]
    named = [name for name in judged.table[way] if name.startswith("PSNR")]
    gained = judged.gains[way][named[-1]] if named and way in judged.gains else None
    more = f"; {named[-1].replace('PSNR', 'PSNR gained')}: {shown(gained, judged.unit)} dB" if gained else ""
    return (
        f"On the {story.side} set, {several(len(judged.cases), 'case')}: RMSE {_short(before)} {judged.units} before, "
        f"{_short(after)} after{more}."
    )


def _short(estimate: Estimate) -> str:
    return str(shown(estimate))
