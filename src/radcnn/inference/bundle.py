"""A bundle: a folder with everything a prediction needs, nothing that executes, and hashes of all of it.

bundle.json              target, task, preparation, network, views, operating points, precision, provenance
weights-0.safetensors    one file per network of the ensemble
README.md                the model card, once a report was made
SHA256SUMS               of every file above; a flipped byte anywhere is refused

The hash of the model is that of SHA256SUMS without the line of README.md: writing the model card does not change it.

    sha256sum -c SHA256SUMS                             every file is as it was written
    grep -v '  README.md$' SHA256SUMS | sha256sum       the hash in the ledger, the report and the model card
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from radcnn.core.errors import BundleError, InputError
from radcnn.core.files import read_json, sha256_of, write_bytes, write_json, write_text
from radcnn.core.settings import from_plain, to_plain
from radcnn.core.target import Target
from radcnn.metrics.operating import OperatingPoint
from radcnn.networks import Network
from radcnn.networks.build import bare
from radcnn.plan.settings import NetworkPlan, Precision, TaskPlan
from radcnn.tasks import Task, planned_task
from radcnn.transforms.preparation import Preparation
from radcnn.transforms.views import ViewKind

FORMAT = 1
SUMS = "SHA256SUMS"
CARD = "README.md"
MAX_FILE_BYTES = 4 << 30  # a larger file is not one of ours
MAX_SUMS_BYTES = 1 << 20
MAX_NETWORKS = 1000
OF_IMAGES = ("restoration", "segmentation")  # what bundle.json of a network from images to images holds


class Described(Protocol):
    """What every bundle.json says."""

    @property
    def networks(self) -> int: ...


B = TypeVar("B", bound=Described)
W = TypeVar("W", bound=nn.Module)


@dataclass(frozen=True)
class Bundle:
    """What a prediction needs, besides the weights.

    precision, channels_last  how the networks ran when the operating points were chosen
    voi         whether the networks were trained on radiographs after their VOI LUT
    provenance  where it came from: version, hashes of plan, split and data, seed; no patient information
    """

    target: Target
    task: TaskPlan
    preparation: Preparation
    network: NetworkPlan
    networks: int
    views: ViewKind = "identity"
    operating_points: tuple[OperatingPoint, ...] = ()
    precision: Precision = "float32"
    channels_last: bool = True
    synthetic: bool = False
    voi: bool = False
    provenance: tuple[tuple[str, str], ...] = ()

    @property
    def questions(self) -> tuple[str, ...]:
        """What each score answers: a class, a label or a value."""
        return self.target.classes if self.target.kind == "multiclass" else self.target.names

    def make_task(self) -> Task:
        """The task that decodes the networks' logits."""
        return planned_task(self.target, self.task)


def save_bundle(folder: Path, bundle: Bundle, networks: Sequence[nn.Module]) -> None:
    """Write a bundle, without auxiliary heads; the sums come last, so `load_bundle` refuses an interrupted one."""
    bundle = replace(bundle, networks=len(networks))
    write_json(folder / "bundle.json", {"format": FORMAT, **to_plain(bundle)})
    write_weights(folder, networks)
    seal(folder)


def write_weights(folder: Path, networks: Sequence[nn.Module]) -> None:
    """One file for each network, without auxiliary heads."""
    for index, network in enumerate(networks):
        spare = tuple(f"{name}." for name in network.auxiliary) if isinstance(network, Network) else ()
        kept = {name: value for name, value in network.state_dict().items() if not name.startswith(spare)}
        state = {name: value.detach().cpu().contiguous() for name, value in kept.items()}
        write_bytes(folder / f"weights-{index}.safetensors", save_tensors(state))


def seal(folder: Path) -> str:
    """Write SHA256SUMS over the bundle's files and return the hash of the model."""
    names = [p.name for p in folder.iterdir() if p.is_file() and p.name != SUMS and not p.name.startswith(".")]
    return _write_sums(folder, {name: sha256_of(folder / name) for name in names})


def write_model_card(folder: Path, text: str) -> str:
    """Put the model card into a sealed bundle and return the hash of the model, which it does not change.

    Raises BundleError when any other file was changed meanwhile: a new seal must not hide that.
    """
    sums = _intact(folder, besides=CARD)
    write_text(folder / CARD, text)
    return _write_sums(folder, {**sums, CARD: sha256_of(folder / CARD)})


def load_bundle(folder: Path) -> tuple[Bundle, list[Network]]:
    """A bundle and its networks in evaluation mode.

    Raises BundleError when a file is missing or was changed, or when the bundle is of another format.
    """
    return read_bundle(folder, _bundle, _network)


def read_bundle(
    folder: Path, described: Callable[[Mapping[str, Any]], B], network_of: Callable[[Path, B], W]
) -> tuple[B, list[W]]:
    """What bundle.json says and its networks, once every file was found as it was written."""
    sums = _intact(folder)
    try:
        bundle = described(_read(folder))
        if not 1 <= bundle.networks <= MAX_NETWORKS:
            raise BundleError(f"networks of bundle.json must be 1 to {MAX_NETWORKS}, got {bundle.networks}")
        names = [f"weights-{index}.safetensors" for index in range(bundle.networks)]
        if missing := [name for name in names if name not in sums]:
            raise BundleError(f"{missing[0]} is missing")
        networks = [network_of(folder / name, bundle) for name in names]
    except (InputError, SafetensorError, RuntimeError, LookupError, TypeError, ValueError) as cause:
        raise BundleError(f"the bundle in {folder} cannot be used: {' '.join(str(cause).split())}") from cause
    return bundle, networks


def verify(folder: Path) -> str:
    """Check every file of a bundle against its sums and return the hash of the model; raises BundleError."""
    return _model_hash(_intact(folder))


def _write_sums(folder: Path, sums: Mapping[str, str]) -> str:
    write_text(folder / SUMS, _rendered(sums))
    return _model_hash(sums)


def _model_hash(sums: Mapping[str, str]) -> str:
    """The SHA-256 of the sums of all files but the model card."""
    model = {name: digest for name, digest in sums.items() if name != CARD}
    return hashlib.sha256(_rendered(model).encode()).hexdigest()


def _rendered(sums: Mapping[str, str]) -> str:
    """As `sha256sum` writes and checks it."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))


def _intact(folder: Path, *, besides: str = "") -> dict[str, str]:
    """The sums of a bundle's files after all of them, `besides` one, were compared."""
    sums = _sums(folder)
    for name, digest in sums.items():
        file = folder / name
        if not file.is_file() and name != besides:
            raise BundleError(f"{folder} is not a complete bundle: {name} is missing; copy the whole folder again")
        if name != besides and (file.stat().st_size > MAX_FILE_BYTES or sha256_of(file) != digest):
            raise BundleError(
                f"{name} of the bundle in {folder} was changed after it was written; copy the whole folder again"
            )
    return sums


def _sums(folder: Path) -> dict[str, str]:
    """The hashes by file name; only plain names, and only in the form in which we write them."""
    file = folder / SUMS
    if not file.is_file():
        raise BundleError(
            f"{folder} is not a complete bundle: {SUMS} is missing; train again, or copy the whole folder"
        )
    content = file.read_bytes()[:MAX_SUMS_BYTES]
    lines = content.decode("utf-8", errors="replace").split("\n")
    sums = {m[2]: m[1] for line in lines if (m := re.fullmatch(r"([0-9a-f]{64})  ([^/\\\0]+)", line))}
    if _rendered(sums).encode() != content or "bundle.json" not in sums or not {".", ".."}.isdisjoint(sums):
        raise BundleError(
            f"{SUMS} of the bundle in {folder} was changed after it was written; copy the whole folder again"
        )
    return sums


def kind_of_bundle(folder: Path) -> str | None:
    """What the networks of a bundle make of images: a "restoration" or a "segmentation"; None for scores."""
    plain = read_json(folder / "bundle.json")
    return next((kind for kind in OF_IMAGES if isinstance(plain, dict) and kind in plain), None)


def _bundle(plain: Mapping[str, Any]) -> Bundle:
    if any(kind in plain for kind in OF_IMAGES):
        raise BundleError("its networks make images; only `predict` and `report` know what to do with it")
    return from_plain(Bundle, plain, "bundle.json")


def _read(folder: Path) -> Mapping[str, Any]:
    plain = read_json(folder / "bundle.json")
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        came = plain.get("format") if isinstance(plain, dict) else type(plain).__name__
        raise BundleError(f"its format is {came!r}, this radcnn reads {FORMAT}; use the radcnn that wrote it")
    return {name: value for name, value in plain.items() if name != "format"}


def _network(weights: Path, bundle: Bundle) -> Network:
    """A network with its weights; none of its memory is taken before the weights are known to fit."""
    network, _, _ = bare(
        bundle.network.name,
        channels=bundle.preparation.channels,
        outputs=bundle.make_task().outputs,
        dims=bundle.preparation.dims,
        options=bundle.network.options,
    )
    network.leave_out_auxiliary()
    network.load_state_dict(load_tensors(weights.read_bytes()), assign=True)
    return network.eval()
