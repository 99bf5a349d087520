"""What may be asked of `explain`, in one frozen value, checked against the networks before a test set is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import SettingsError
from radcnn.core.target import Target
from radcnn.explanation.asked import BothSides
from radcnn.explanation.cam import why_not
from radcnn.explanation.layers import layer_to_map, named_layer
from radcnn.explanation.methods import METHODS
from radcnn.inference.bundle import Bundle
from radcnn.networks import Network

CALLED = "called"
OF_A_LAYER = ("gradcam", "guided_gradcam")  # methods whose maps are those of a layer that may be chosen
COSTLY = ("occlusion",)  # of volumes made only where it is asked for
MOST = 64


@dataclass(frozen=True)
class Asked:
    """What is asked of the networks.

    methods  names of METHODS; all that apply without
    layers   whose maps are weighted; without, the last of 4 cells an axis or more
    of       "called", or the name of the class, label or value that maps speak of
    most     cases that are looked at where none were named
    seed     of everything random
    features maps of each layer that are looked at one by one
    groups   of cases that are alike
    """

    methods: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    of: str = CALLED
    most: int = MOST
    seed: int = 0
    features: int = 0
    groups: int = 0


@dataclass(frozen=True)
class Way:
    """One way of making maps: a method, and the layer that it is told."""

    method: str
    layer: str
    named: bool = False

    @property
    def called(self) -> str:
        """What tables call it.

        >>> Way("gradcam", "stages.2", named=True).called
        'gradcam at stages.2'
        """
        return f"{self.method} at {self.layer}" if self.named else self.method


@dataclass(frozen=True)
class Ways:
    """The ways that apply, and (method, why not) of those that do not."""

    ways: tuple[Way, ...]
    not_applicable: tuple[tuple[str, str], ...] = ()


def asked(
    *, method: str | Sequence[str] | None, layer: Sequence[str] | None, of: str, most: int, seed: int,
    features: int = 0, groups: int = 0,
) -> Asked:  # fmt: skip
    """The options of the verb as one value; raises SettingsError for an unknown method or an impossible number."""
    methods = (method,) if isinstance(method, str) else tuple(method or ())
    for name in methods:
        if name not in METHODS:
            raise SettingsError(f"--method {name!r} is unknown: {did_you_mean(name, METHODS)}")
    if most < 1:
        raise SettingsError(f"--most must be 1 or more, got {most}; it is how many cases are looked at")
    if features < 0:
        raise SettingsError(f"--features must be 0 (none) or how many maps of each layer are shown, got {features}")
    if groups < 0 or groups == 1:
        raise SettingsError(f"--groups must be 0 (none) or 2 and more, got {groups}; it is how many groups of cases")
    layers = (layer,) if isinstance(layer, str) else tuple(layer or ())
    return Asked(tuple(dict.fromkeys(methods)), tuple(dict.fromkeys(layers)), of, most, seed, features, groups)


def answering_for(network: Network, target: Target) -> nn.Module:
    """The network with one logit for each class, so that every class can be asked."""
    return BothSides(network).eval() if target.kind == "binary" else network


def outputs_of(target: Target) -> tuple[str, ...]:
    """What each output of `answering_for` speaks for."""
    return target.classes if target.kind in ("binary", "multiclass") else target.names


def ways_of(wanted: Asked, bundle: Bundle, networks: Sequence[Network]) -> Ways:
    """The ways that were asked for, or all that apply; raises SettingsError for a class, layer or method that is none.

    Nothing but the networks is looked at: it is asked before a test set is opened.
    """
    known = outputs_of(bundle.target)
    if wanted.of != CALLED and wanted.of not in known:
        raise SettingsError(
            f"--of {wanted.of!r} is no {_word(bundle.target)}: {did_you_mean(wanted.of, (CALLED, *known))}"
        )
    network = answering_for(networks[0], bundle.target)
    image = _image_of(bundle)
    layers = [named_layer(networks[0], name, image).name for name in wanted.layers] or [
        layer_to_map(networks[0], image)
    ]
    found: list[Way] = []
    refused: list[tuple[str, str]] = []
    for method in wanted.methods or tuple(METHODS):
        reason = _why_no_cam(networks[0], network, image) if method == "cam" else ""
        if method in COSTLY and bundle.preparation.dims == 3 and not wanted.methods:
            reason = f"it takes hundreds of passes of each volume; ask for it: --method {method}"
        if reason and wanted.methods:
            raise SettingsError(f"--method {method} does not apply: {reason}")
        if reason:
            refused.append((method, reason))
        elif method in OF_A_LAYER:
            found += [Way(method, layer, bool(wanted.layers)) for layer in layers]
        else:
            found.append(Way(method, layers[-1]))
    return Ways(tuple(found), tuple(refused))


def _why_no_cam(network: Network, asked: nn.Module, image: Tensor) -> str:
    """Why Zhou's maps say nothing of this network; empty where they do."""
    if reason := why_not(asked, image):
        return reason
    with torch.inference_mode():
        places = network.features(image)[0, 0].numel()
    return "" if places > 1 else "the last maps of this network have one place, so that its map is the same everywhere"


def inner_layer(way: Way, target: Target) -> str:
    """The layer's name within `answering_for`."""
    return f"network.{way.layer}" if target.kind == "binary" else way.layer


def _word(target: Target) -> str:
    return {"multilabel": "label", "regression": "value"}.get(target.kind, "class")


def _image_of(bundle: Bundle) -> Tensor:
    """An image of noise of the size that networks are given: a constant one would hide what biases alone agree on."""
    made = bundle.preparation
    generator = torch.Generator().manual_seed(0)
    return torch.rand((1, made.channels, *made.size), generator=generator)
