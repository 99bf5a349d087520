"""`radcnn card`: the card of a network, or the list of all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

from radcnn.core.errors import SettingsError
from radcnn.networks import NETWORKS, card
from radcnn.networks.layers import Dims


@dataclass(frozen=True)
class Shown:
    """A result as JSON value and as text."""

    json: Any
    text: str


def card_of(
    network: str | None, *, size: str, channels: int, outputs: int, dims: int, options: dict[str, Any]
) -> Shown:
    """The card, or without a name the list of networks; size like 224, 28x28 or 32x64x64."""
    if network is None:
        papers = {name: builder.paper for name, builder in NETWORKS.items()}
        return Shown(papers, "\n".join(f"{name:<12} {paper}" for name, paper in papers.items()))
    if not re.fullmatch(r"\d{1,5}(x\d{1,5}){0,2}", size):
        raise SettingsError(f"--size must be like 224, 28x28 or 32x64x64, got {size!r}")
    sides = tuple(int(n) for n in size.split("x"))
    whole = sides[0] if len(sides) == 1 else sides
    found = card(network, size=whole, channels=channels, outputs=outputs, dims=cast(Dims, dims), options=options)
    return Shown(found.as_json(), found.as_text())
