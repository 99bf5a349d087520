"""A card as aligned plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radcnn.networks.card import Card, Layer

WORDS = ("layer", "kind", "output", "setting")
NUMBERS = ("number", "kernel", "stride", "padding", "field", "jump", "parameters", "MACs")


def text(card: Card) -> str:
    """What goes in and out, the options, one line per layer, the totals."""
    rows = [_cells(layer, card.size) for layer in card.layers if layer.kind != "identity"]
    field = "unknown" if card.receptive_field is None else _sides(card.receptive_field)
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
        f"receptive field         {field} voxels, before pooling over the whole image",
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
