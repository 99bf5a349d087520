"""A bundle that outlines structures: bundle.json with the plan, one file of weights per network, SHA256SUMS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load as load_tensors

from radcnn.core.files import write_json
from radcnn.core.settings import from_plain, to_plain
from radcnn.inference.bundle import FORMAT, read_bundle, seal, write_weights
from radcnn.metrics.conformal import SizeErrors
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.image_networks import bare_image_network
from radcnn.plan.segmentation import SegmentationPlan


@dataclass(frozen=True)
class Segmenter:
    """What outlining structures needs, besides the weights.

    segmentation  the plan, whose reasons are left out
    volume_errors  by structure, how wrong volumes in ml were on tuning patients: from that a new one gets an interval
    hu            whether values of files that do not say their unit were taken for HU
    provenance    where it came from; no patient information
    """

    segmentation: SegmentationPlan
    networks: int
    hu: bool = False
    synthetic: bool = False
    provenance: tuple[tuple[str, str], ...] = ()
    volume_errors: Mapping[str, SizeErrors] = field(default_factory=dict)


def save_segmenter(folder: Path, segmenter: Segmenter, networks: Sequence[ImageNetwork]) -> None:
    """Write a bundle; the sums come last, so that an interrupted one is refused."""
    plan = replace(segmenter.segmentation, reasons=())
    plain = to_plain(replace(segmenter, segmentation=plan, networks=len(networks)))
    write_json(folder / "bundle.json", {"format": FORMAT, **plain})
    write_weights(folder, networks)
    seal(folder)


def load_segmenter(folder: Path) -> tuple[Segmenter, list[ImageNetwork]]:
    """A bundle and its networks in evaluation mode; raises BundleError when anything of it was changed."""
    return read_bundle(folder, _segmenter, _network)


def _segmenter(plain: Mapping[str, Any]) -> Segmenter:
    return from_plain(Segmenter, plain, "bundle.json")


def _network(weights: Path, segmenter: Segmenter) -> ImageNetwork:
    stages = segmenter.segmentation.stages
    number = int(weights.stem.rpartition("-")[2])
    plan = stages[number * len(stages) // segmenter.networks]
    network = bare_image_network(
        plan.network.name, channels=plan.seen, outputs=plan.outputs, dims=plan.dims, options=plan.network.options
    )
    network.leave_out_auxiliary()
    network.load_state_dict(load_tensors(weights.read_bytes()), assign=True)
    return network.eval()
