"""A bundle that restores images: bundle.json with the plan, one file of weights per network, SHA256SUMS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load as load_tensors

from radcnn.core.files import write_json
from radcnn.core.settings import from_plain, to_plain
from radcnn.inference.bundle import FORMAT, read_bundle, seal, write_weights
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.image_networks import bare_image_network
from radcnn.plan.restoration import RestorationPlan


@dataclass(frozen=True)
class Restorer:
    """What restoring an image needs, besides the weights.

    restoration  the plan, whose reasons are left out
    hu           whether values of files that do not say their unit were taken for HU
    provenance   where it came from; no patient information
    """

    restoration: RestorationPlan
    networks: int
    hu: bool = False
    synthetic: bool = False
    provenance: tuple[tuple[str, str], ...] = ()


def save_restorer(folder: Path, restorer: Restorer, networks: Sequence[ImageNetwork]) -> None:
    """Write a bundle; the sums come last, so that an interrupted one is refused."""
    plan = replace(restorer.restoration, reasons=())
    write_json(
        folder / "bundle.json",
        {"format": FORMAT, **to_plain(replace(restorer, restoration=plan, networks=len(networks)))},
    )
    write_weights(folder, networks)
    seal(folder)


def load_restorer(folder: Path) -> tuple[Restorer, list[ImageNetwork]]:
    """A bundle and its networks in evaluation mode; raises BundleError when anything of it was changed."""
    return read_bundle(folder, _restorer, _network)


def _restorer(plain: Mapping[str, Any]) -> Restorer:
    return from_plain(Restorer, plain, "bundle.json")


def _network(weights: Path, restorer: Restorer) -> ImageNetwork:
    plan = restorer.restoration
    network = bare_image_network(
        plan.network.name, channels=plan.channels, dims=plan.dims, options=plan.network.options
    )
    network.load_state_dict(load_tensors(weights.read_bytes()), assign=True)
    return network.eval()
