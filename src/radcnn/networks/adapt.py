"""Published weights for another image: 2D to 3D, three colours to other channels, another number of outputs.

inflate_kernel   I3D (Carreira & Zisserman 2017, arXiv:1705.07750): repeat along the slices, divide by their number.
                 A volume whose slices are all alike then gives the same maps as one slice in 2D.
adapt_channels   sum over the colours: a grey image gives what it gave as three equal colours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import SettingsError
from radcnn.networks.network import Network

# torchvision's published DenseNet weights still say "denselayer1.norm.1" for what is now "denselayer1.norm1"
OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.")


@dataclass(frozen=True)
class Adapted:
    """Weights that fit a network, and the names of its tensors that keep their first weights (a new head)."""

    weights: dict[str, Tensor]
    left_out: tuple[str, ...]


def inflate_kernel(weight: Tensor, slices: int) -> Tensor:
    """A 2D kernel (out, in, h, w) as a 3D one (out, in, slices, h, w): repeated and divided by `slices`."""
    return weight.unsqueeze(2).repeat(1, 1, slices, 1, 1) / slices


def inflate_dense(weight: Tensor, inputs: int) -> Tensor:
    """A dense layer on flattened (K, r, r) maps as one on (K, r, r, r) maps: (out, K r^2) to (out, K r^3).

    Raises SettingsError when `inputs` is not r times as many for such an r.
    """
    side, rest = divmod(inputs, weight.shape[1])
    if rest or weight.shape[1] % side**2:
        raise SettingsError(f"a dense layer of {weight.shape[1]} inputs cannot be inflated to {inputs}")
    maps = weight.reshape(weight.shape[0], -1, side, side)
    return inflate_kernel(maps, side).flatten(1)


def adapt_channels(weight: Tensor, channels: int) -> Tensor:
    """A first kernel (out, colours, ...) for `channels` channels: its sum over colours, shared equally among them.

    One channel gets the sum. Several equal channels together give what equal colours gave.
    """
    if weight.shape[1] == channels:
        return weight
    summed = weight.sum(dim=1, keepdim=True) / channels
    return summed.repeat(1, channels, *(1,) * (weight.ndim - 2))


def current_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights under today's names (old DenseNet files)."""
    return {OLD_DENSENET.sub(r"\1\2.", name): value for name, value in weights.items()}


def adapt(weights: Mapping[str, Tensor], network: Network) -> Adapted:
    """Published 2D weights for this network: names, colours, slices; a head with other outputs is left out.

    Raises SettingsError naming a tensor that is missing, too many, or of a shape that no rule explains.
    """
    wanted = network.state_dict()
    given = {name: value for name, value in current_names(weights).items() if not _spare(name, wanted)}
    _same_names(given, wanted)
    first = next(name for name, value in wanted.items() if value.ndim >= 4)
    fitted = {name: _fitted(name, given[name], wanted[name], first) for name in wanted if name in given}
    head = {f"{network.head_name}.weight", f"{network.head_name}.bias"}
    left_out = {name for name in head if given[name].shape[0] != wanted[name].shape[0]}
    kept = {name: value for name, value in fitted.items() if name not in left_out}
    for name, value in kept.items():
        if value.shape != wanted[name].shape:
            shapes = f"{tuple(wanted[name].shape)}, got {tuple(given[name].shape)}"
            raise SettingsError(f"weights of {name} must be {shapes}; was the network built with the same options?")
    absent = (name for name in wanted if name not in given)
    return Adapted(kept, tuple(sorted(left_out)) + tuple(absent))


def _spare(name: str, wanted: Mapping[str, Tensor]) -> bool:
    """Auxiliary heads that the network was built without."""
    return name.startswith(("aux1.", "aux2.")) and name not in wanted


def _same_names(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    # counters of batches are absent from files older than torch 0.4.1 and matter to nobody
    missing = [name for name in wanted if name not in given and not name.endswith("num_batches_tracked")]
    if missing:
        hint = did_you_mean(missing[0], given)
        raise SettingsError(f"the weights lack {len(missing)} tensors of the network, first {missing[0]}; {hint}")
    extra = [name for name in given if name not in wanted]
    if extra:
        raise SettingsError(f"the weights have {len(extra)} tensors that the network lacks, first {extra[0]}")


def _fitted(name: str, value: Tensor, wanted: Tensor, first: str) -> Tensor:
    if name == first:
        value = adapt_channels(value, wanted.shape[1])
    if value.ndim == 4 and wanted.ndim == 5:
        value = inflate_kernel(value, wanted.shape[2])
    elif value.ndim == 2 and wanted.ndim == 2 and wanted.shape[1] > value.shape[1]:
        value = inflate_dense(value, wanted.shape[1])
    return value.to(wanted.dtype) if torch.is_floating_point(wanted) else value
