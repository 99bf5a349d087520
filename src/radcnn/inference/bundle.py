"""A bundle: a folder with everything a prediction needs, nothing that executes, and hashes of all of it.

bundle.json              target, task, preparation, network, views, operating points, provenance
weights-0.safetensors    one file per network of the ensemble
README.md                the model card, once a report was made
SHA256SUMS               of every file above; a flipped byte anywhere is refused
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from radcnn.core.errors import BundleError, InputError
from radcnn.core.files import read_json, sha256_of, write_bytes, write_json, write_text
from radcnn.core.settings import from_plain, to_plain
from radcnn.core.target import Target
from radcnn.metrics.operating import OperatingPoint
from radcnn.networks import Network, build
from radcnn.plan.settings import NetworkPlan, TaskPlan
from radcnn.tasks import Task, make_task
from radcnn.transforms.preparation import Preparation
from radcnn.transforms.views import ViewKind

FORMAT = 1
SUMS = "SHA256SUMS"
MAX_WEIGHTS_BYTES = 4 << 30  # a larger weights file is not one of ours


@dataclass(frozen=True)
class Bundle:
    """What a prediction needs, besides the weights.

    provenance  where it came from: version, hashes of plan, split and data, seed; no patient information
    """

    target: Target
    task: TaskPlan
    preparation: Preparation
    network: NetworkPlan
    networks: int
    views: ViewKind = "identity"
    operating_points: tuple[OperatingPoint, ...] = ()
    synthetic: bool = False
    provenance: tuple[tuple[str, str], ...] = ()

    def make_task(self) -> Task:
        """The task that decodes the networks' logits."""
        return make_task(self.target, scale=self.task.scale, last_layer=self.task.last_layer, loss=self.task.loss)


def save_bundle(folder: Path, bundle: Bundle, networks: Sequence[nn.Module]) -> None:
    """Write a bundle; the sums come last, so an interrupted one is refused by `load_bundle`."""
    bundle = replace(bundle, networks=len(networks))
    write_json(folder / "bundle.json", {"format": FORMAT, **to_plain(bundle)})
    for index, network in enumerate(networks):
        state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
        write_bytes(folder / f"weights-{index}.safetensors", save_tensors(state))
    seal(folder)


def seal(folder: Path) -> str:
    """Write SHA256SUMS over the bundle's files and return the hash of the bundle (of its sums)."""
    names = sorted(p.name for p in folder.iterdir() if p.is_file() and p.name != SUMS and not p.name.startswith("."))
    write_text(folder / SUMS, "".join(f"{sha256_of(folder / name)}  {name}\n" for name in names))
    return sha256_of(folder / SUMS)


def load_bundle(folder: Path) -> tuple[Bundle, list[Network]]:
    """A bundle and its networks in evaluation mode.

    Raises BundleError when a file is missing or was changed, or when the bundle is of another format.
    """
    verify(folder)
    plain: dict[str, Any] = read_json(folder / "bundle.json")
    if plain.pop("format", None) != FORMAT:
        raise BundleError(f"the bundle in {folder} has another format than {FORMAT}; use the radcnn that wrote it")
    try:
        bundle = from_plain(Bundle, plain, "bundle.json")
        networks = [_network(folder, bundle, index) for index in range(bundle.networks)]
    except (InputError, SafetensorError, RuntimeError, KeyError) as cause:
        raise BundleError(f"the bundle in {folder} cannot be used: {cause}") from cause
    return bundle, networks


def verify(folder: Path) -> str:
    """Check every file of a bundle against its sums and return the bundle's hash; raises BundleError."""
    sums = folder / SUMS
    if not sums.is_file():
        raise BundleError(
            f"{folder} is not a complete bundle: {SUMS} is missing; train again, or copy the whole folder"
        )
    for line in sums.read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        file = folder / Path(name).name
        if not name or not file.is_file():
            raise BundleError(
                f"{folder} is not a complete bundle: {name or 'a file'} is missing; copy the whole folder"
            )
        if file.stat().st_size > MAX_WEIGHTS_BYTES or sha256_of(file) != digest:
            raise BundleError(f"{file.name} of the bundle in {folder} was changed after it was written; it is not used")
    return sha256_of(sums)


def _network(folder: Path, bundle: Bundle, index: int) -> Network:
    network = build(
        bundle.network.name,
        channels=bundle.preparation.channels,
        outputs=bundle.make_task().outputs,
        dims=bundle.preparation.dims,
        options=bundle.network.options,
        seed=0,
    )
    network.load_state_dict(load_tensors((folder / f"weights-{index}.safetensors").read_bytes()))
    return network.eval()
