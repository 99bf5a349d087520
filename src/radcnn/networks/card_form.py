"""The form of a card: its rows, its totals, and both as aligned plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

WORDS = ("layer", "kind", "output", "setting")
NUMBERS = ("number", "kernel", "stride", "padding", "field", "jump", "parameters", "MACs")


@dataclass(frozen=True)
class Layer:
    """One row of a card; what a kind of layer does not have is None.

    output           (channels, ...) of one image
    kernel, stride, padding  per axis, of a convolution or a pooling
    number           kernels of a convolution, units of a dense layer
    setting          activation, pooling method, normalisation or dropout probability
    receptive_field  input voxels one unit sees, per axis; "the whole image" is the image's size
    jump             input voxels between neighbouring units, per axis
    """

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    kernel: tuple[int, ...] | None
    stride: tuple[int, ...] | None
    padding: tuple[int, ...] | None
    number: int | None
    setting: str | None
    receptive_field: tuple[int, ...] | None
    jump: tuple[float, ...] | None
    multiply_accumulates: int


@dataclass(frozen=True)
class Card:
    """A network's parameters and hyperparameters, in the order an image passes its layers.

    parameters           learned numbers of the whole network, heads used in training only included
    receptive_field      of the last maps before anything looks at the whole image
    activation_elements  numbers all layers put out for one image
    """

    name: str
    channels: int
    outputs: int
    size: tuple[int, ...]
    options: Mapping[str, object]
    layers: tuple[Layer, ...]
    parameters: int
    multiply_accumulates: int
    activation_elements: int
    receptive_field: tuple[int, ...] | None
    paper: str

    def as_json(self) -> dict[str, Any]:
        """A JSON object with every field; `layers` is a list of objects."""
        return asdict(self)

    def as_text(self) -> str:
        """Aligned plain text: what goes in and out, one line per layer, totals.

        >>> from radcnn import card
        >>> print(card("chain", channels=1, outputs=2, size=(28, 28)).as_text().splitlines()[0])
        chain: 1 x 28 x 28 in, 2 out
        """
        return _text(self)


def _text(card: Card) -> str:
    """What goes in and out, the options, one line per layer, the totals."""
    rows = [_cells(layer, card.size) for layer in card.layers if layer.kind != "identity"]
    field = "unknown" if card.receptive_field is None else _sides(card.receptive_field)
    points = "pixels" if len(card.size) == 2 else "voxels"
    options = ", ".join(f"{name} {value}" for name, value in card.options.items() if value is not None)
    lines = [
        f"{card.name}: {' x '.join(map(str, (card.channels, *card.size)))} in, {card.outputs} out",
        f"paper: {card.paper}",
        f"options: {options}",
        "",
        *_aligned([(*WORDS, *NUMBERS), *rows]),
        "",
        f"learned parameters      {card.parameters:,}",
        f"multiply-accumulates    {card.multiply_accumulates:,} per image",
        f"activations             {card.activation_elements:,} numbers per image",
        f"receptive field         {field} {points}, before pooling over the whole image",
    ]
    spare = card.parameters - sum(layer.parameters for layer in card.layers)
    if spare:
        lines.append(f"used in training only   {spare:,} parameters (auxiliary heads)")
    return "\n".join(lines)


def _cells(layer: Layer, size: tuple[int, ...]) -> tuple[str, ...]:
    field = "?" if layer.receptive_field is None else _sides(layer.receptive_field)
    whole = layer.receptive_field == size and layer.jump == tuple(float(n) for n in size)
    return (
        layer.name,
        layer.kind,
        " x ".join(map(str, layer.output)),
        layer.setting or "",
        "" if layer.number is None else str(layer.number),
        _sides(layer.kernel),
        _sides(layer.stride),
        _sides(layer.padding),
        "all" if whole else field,
        "" if whole or layer.jump is None else _sides(layer.jump),
        f"{layer.parameters:,}" if layer.parameters else "",
        f"{layer.multiply_accumulates:,}" if layer.multiply_accumulates else "",
    )


def _sides(sides: Sequence[float] | None) -> str:
    """7x7x7 and not 7, so that images and volumes are told apart."""
    if sides is None:
        return ""
    return "x".join(f"{side:g}" for side in sides)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column < len(WORDS) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return lines
