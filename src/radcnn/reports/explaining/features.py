"""What single maps of a network's layers respond to: plain frozen values, and what the report says of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from radcnn.core.case import Unit
from radcnn.core.estimate import Estimate, rounded
from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.fragment import Fragment, PictureRow, RowPicture
from radcnn.reports.numbers import number, several, shown


@dataclass(frozen=True)
class EpochShown:
    """What a map was at a kept epoch.

    case   the number of the case in which it was strongest; 0 where it was silent
    alike  rank correlation, over cases, of its highest values with those of the network now
    """

    epoch: int
    case: int
    alike: Estimate


@dataclass(frozen=True)
class MapShown:
    """One map of a layer.

    index     which of the layer's maps, from 0
    share     of what all maps of the layer add to the answers asked
    favours   share of cases in which it speaks for them (`LayerShown.favoured`)
    cases     numbers of the cases in which it is strongest, from the strongest down; truths: their labels
    values    of the map there
    patterns, patches, made, evolution  names of pictures below RUN/explain; empty where there is none
    begun, reached  mean of the map on the noise from which an image was made, and on that image
    """

    index: int
    share: Estimate
    favours: Estimate
    cases: tuple[int, ...]
    truths: tuple[str, ...]
    values: tuple[float, ...]
    patterns: str
    patches: str
    made: str
    begun: float
    reached: float
    evolution: str = ""
    epochs: tuple[EpochShown, ...] = ()


@dataclass(frozen=True)
class LayerShown:
    """A layer and those of its maps that were looked at.

    maps, size  how many it has, and their voxels per axis
    sees        voxels of the image that a cell sees, per axis; empty where it is not known
    favoured    what its maps speak for or against: the positive class of two, else what each case was asked
    """

    layer: str
    maps: int
    size: tuple[int, ...]
    sees: tuple[int, ...]
    shown: tuple[MapShown, ...]
    favoured: str = "the answer asked"

    def lines(self) -> tuple[str, ...]:
        """What the terminal prints."""
        return (
            f"maps of {self.layer} that answers rest on, of {self.maps}:",
            *(
                f"  map {one.index}: {one.share} of what the layer adds; strongest in {_cases(one)}"
                for one in self.shown
            ),
        )


def feature_fragments(layers: tuple[LayerShown, ...], folder: Path, unit: Unit) -> tuple[Fragment, ...]:
    """One fragment for each layer, with pictures read from `folder`; before the first, how to read them."""
    made = []
    for k, layer in enumerate(layers):
        seen = f"{' x '.join(map(str, layer.sees))} voxels" if layer.sees else "a part of the image that is not known"
        said = (
            f"{several(layer.maps, 'map')} of {' x '.join(map(str, layer.size))} cells, each of which sees {seen}. "
            "Shown are those that add most to, or take most from, the answers asked."
        )
        made.append(
            Fragment(
                key=f"features-{k}",
                heading=f"What maps of {layer.layer} respond to",
                sentences=(HOW, said) if k == 0 else (said,),
                tables=(_table(layer, unit),),
                rows=tuple(row for one in layer.shown for row in _rows(one, folder)),
                notes=NOTES if k == len(layers) - 1 else (),
                corner="Map",
            )
        )
    return tuple(made)


HOW = (
    "Left, what of the image led to the map's strongest value in each of up to nine cases (deconvolution, Zeiler & "
    "Fergus 2014; grey is nothing, bright adds, dark takes away, each divided by its own largest value); beside it the "
    "same places of the images; last an image made from noise so that the map is high everywhere."
)
EXACT = (
    "Deconvolutions go back through the transposes of convolutions, through the places that poolings by maximum "
    "remember, and through rectifiers that pass on what is above 0: exact where a network has such layers alone. "
    "Without poolings by maximum none need remembering. Means are spread evenly; normalisations by group or instance "
    "are differentiated."
)
LIMITS = (
    "A pattern says what a map responds to in these images, not that an answer is right. Images made from noise show "
    "what a map likes, and need not look like anything a patient has."
)
SHARES = "Shares are of first order: value times derivative, summed over places, without sign."
NOTES = (EXACT, LIMITS, SHARES)


def _table(layer: LayerShown, unit: Unit) -> FigureTable:
    heads: tuple[Head, ...] = (
        Head(("Share of what the layer adds", f"Cases in which it speaks for {layer.favoured}")),
    )
    rows = tuple(
        FigureRow(f"{one.index}", f"strongest in {_cases(one)}", (shown(one.share, unit), shown(one.favours, unit)))
        for one in layer.shown
    )
    epochs = sorted({at.epoch for one in layer.shown for at in one.epochs})
    if epochs:
        names = tuple(f"Epoch {epoch}" for epoch in epochs)
        heads = (*heads, Head(names, "Like the map now", "rank correlation over cases of its highest values"))
        rows = tuple(
            FigureRow(row.name, row.meaning, (*row.cells, *(shown(at.alike, unit) for at in one.epochs)))
            for row, one in zip(rows, layer.shown, strict=True)
        )
    caption = f"Maps of {layer.layer}: if all were alike, each would have a share of {rounded(1 / layer.maps)}"
    return FigureTable(caption, heads, (FigureGroup("", rows),), "columns")


def _rows(one: MapShown, folder: Path) -> tuple[PictureRow, ...]:
    if not one.cases:
        return ()
    words = (
        (one.patterns, "what led to the map's strongest values"),
        (one.patches, f"the same places of cases {', '.join(map(str, one.cases))}"),
        (one.made, f"made from noise: the map's mean rose from {number(one.begun, 2)} to {number(one.reached, 2)}"),
    )
    pictures = tuple(RowPicture((folder / file).read_bytes(), said) for file, said in words if file)
    made = [PictureRow(one.cases[0], f"Map {one.index}, strongest in {_cases(one)}", pictures)]
    if one.evolution:
        each = (f"{at.epoch} ({f'case {at.case}' if at.case else 'silent'})" for at in one.epochs)
        said = f"above what led to its strongest value, below the place: epochs {', '.join(each)}"
        picture = RowPicture((folder / one.evolution).read_bytes(), said)
        made.append(PictureRow(one.cases[0], f"Map {one.index} over the epochs that were kept", (picture,)))
    return tuple(made)


def _cases(one: MapShown) -> str:
    """The labels of the cases in which it is strongest, counted."""
    if not one.truths:
        return "no case: it is nowhere above 0"
    return ", ".join(f"{count} of {label}" for label, count in Counter(one.truths).most_common())
