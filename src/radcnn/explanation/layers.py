"""Which layers may be looked at, by name; what they give and what the asked class would have of them, in one pass."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import SettingsError
from radcnn.explanation.asked import Classes, logits_asked

FEW = 4  # cells an axis


@dataclass(frozen=True)
class LayerMaps:
    """The maps that a layer gives of one image: its name, how many they are, and voxels per axis."""

    name: str
    maps: int
    size: tuple[int, ...]


@dataclass(frozen=True)
class Seen:
    """What a layer gave (B, K, *cells), and the derivative of each image's asked logit by it, of the same shape."""

    maps: Tensor
    gradient: Tensor


def layers_of(network: nn.Module, image: Tensor) -> tuple[LayerMaps, ...]:
    """The layers of a network that give maps of more than one place, in the order in which they end.

    image  (1, C, *size), which is passed through once; the network is left as it was

    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    >>> layers_of(network, torch.zeros(1, 1, 8, 8))
    (LayerMaps(name='0', maps=2, size=(6, 6)),)
    """
    found: dict[str, LayerMaps] = {}

    def note(name: str, made: object) -> None:
        found.pop(name, None)  # a layer that is used again ends where it is used last
        if isinstance(made, Tensor) and made.ndim == image.ndim and math.prod(made.shape[2:]) > 1:
            found[name] = LayerMaps(name, int(made.shape[1]), tuple(made.shape[2:]))

    named = [(name, module) for name, module in network.named_modules() if name]
    handles = [module.register_forward_hook(lambda _, __, made, name=name: note(name, made)) for name, module in named]
    try:
        with torch.inference_mode():
            network(image)
    finally:
        for handle in handles:
            handle.remove()
    return tuple(found.values())


def last_maps(network: nn.Module, image: Tensor) -> str:
    """The name of the last layer whose maps have more than one place; raises SettingsError where there is none."""
    found = layers_of(network, image)
    if not found:
        raise SettingsError(
            "no layer of this network gives maps of more than one place, so there is nothing to look at"
        )
    return found[-1].name


def layer_to_map(network: nn.Module, image: Tensor) -> str:
    """The name of the layer whose maps point at places best: the last with FEW cells an axis, else as `last_maps`.

    Maps of two cells an axis say which half of an image something lies in. An axis of fewer voxels has no more cells.
    """
    least = tuple(min(FEW, n) for n in image.shape[2:])
    fine = [one for one in layers_of(network, image) if all(n >= few for n, few in zip(one.size, least, strict=True))]
    return fine[-1].name if fine else last_maps(network, image)


def named_layer(network: nn.Module, name: str, image: Tensor) -> LayerMaps:
    """The layer called `name`; raises SettingsError with "did you mean" where none of that name gives maps."""
    found = {layer.name: layer for layer in layers_of(network, image)}
    if name not in found:
        what = "is unknown" if name not in dict(network.named_modules()) else "gives no maps of more than one place"
        raise SettingsError(f"layer {name!r} {what}: {did_you_mean(name, found)}")
    return found[name]


def given_by(network: nn.Module, layers: Sequence[str], images: Tensor) -> dict[str, Tensor]:
    """What layers give of images (B, C, *size), before what stands behind them may write into it; the last call counts.

    Raises SettingsError with "did you mean" where the network has no such layer.
    """
    found: dict[str, Tensor] = {}

    def keep(name: str, made: Tensor) -> None:
        found[name] = made.clone()

    handles = [
        _submodule(network, name).register_forward_hook(lambda _, __, made, name=name: keep(name, made))
        for name in layers
    ]
    try:
        network(images)
    finally:
        for handle in handles:
            handle.remove()
    return found


def look_at(
    network: nn.Module, layers: Sequence[str], images: Tensor, classes: Classes
) -> tuple[Mapping[str, Seen], Tensor]:
    """What several layers give and the asked logit's derivative by each, in one pass; and the logits (B, outputs).

    The graph begins at the first of the layers: nothing before it is differentiated. The last call of a layer counts.
    """
    modules = {name: _submodule(network, name) for name in layers}
    return look_at_modules(network, modules, images, classes)


def look_at_modules(
    network: nn.Module, modules: Mapping[str, nn.Module], images: Tensor, classes: Classes
) -> tuple[Mapping[str, Seen], Tensor]:
    """As `look_at`, of modules by any name."""
    found: dict[str, Tensor] = {}

    def cut(name: str, made: object) -> Tensor:
        if not isinstance(made, Tensor) or made.ndim < 3:
            raise SettingsError(f"a layer with maps (B, K, ...) is needed, but {name} gives none")
        # the first layer that is reached begins the graph; where it is used again, it begins there
        first = not found.keys() - {name}
        found[name] = made.detach().requires_grad_() if first else made
        torch.set_grad_enabled(True)
        return found[name].clone()  # a rectifier behind the layer may write into what it is given

    handles = [
        module.register_forward_hook(lambda _, __, made, name=name: cut(name, made)) for name, module in modules.items()
    ]
    try:
        with torch.inference_mode(False), torch.no_grad():
            logits = network(images)
            if missing := [name for name in modules if name not in found]:
                raise SettingsError(f"{missing[0]} is not reached by these images")
            gradients = _gradients(logits, list(found.values()), classes)
    finally:
        for handle in handles:
            handle.remove()
    seen = {name: Seen(maps.detach(), slope) for (name, maps), slope in zip(found.items(), gradients, strict=True)}
    return MappingProxyType({name: seen[name] for name in modules}), logits.detach()


def _gradients(logits: Tensor, maps: list[Tensor], classes: Classes) -> list[Tensor]:
    """The derivative of each image's logit by each map; zero where it does not depend on it."""
    with torch.enable_grad():
        chosen = logits_asked(logits, classes).sum()
    if not chosen.requires_grad:
        return [torch.zeros_like(one) for one in maps]
    return list(torch.autograd.grad(chosen, maps, allow_unused=True, materialize_grads=True))


def _submodule(network: nn.Module, name: str) -> nn.Module:
    found = dict(network.named_modules())
    if not name or name not in found:
        raise SettingsError(f"layer {name!r} is unknown: {did_you_mean(name, found)}")
    return found[name]
