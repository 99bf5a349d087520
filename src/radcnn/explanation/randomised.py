"""Whether maps depend on what a network has learned: they are drawn again while its layers forget, from the last down.

Adebayo et al. 2018, Sanity Checks for Saliency Maps, NeurIPS (arXiv:1810.03292): some methods draw the edges of the
image whatever the weights are. Such a map looks right and says nothing of the network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from radcnn.core.chance import derived_seed
from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.explanation.alike import likeness, mean_likeness
from radcnn.networks import Network
from radcnn.networks.initialisation import initialise

STAGES = 5  # at most: each costs a map of every case, and the first and the last say most
# Maps that share a quarter of the variance of their ranks with the trained network's (0.5 squared) when nothing is left
# of it show the image, not what was learned. The figure is a convention; the correlations stand beside the verdict.
TOO_ALIKE = 0.5

MapsOf = Callable[[nn.Module], Tensor]


@dataclass(frozen=True)
class Stage:
    """Maps after the last `layers` of all were drawn anew, `down_to` the lowest: how alike they are to the trained."""

    layers: int
    down_to: str
    correlation: Estimate


@dataclass(frozen=True)
class Randomised:
    """The stages of a method's maps, from the last layers alone to the whole network."""

    method: str
    stages: tuple[Stage, ...]

    @property
    def verdict(self) -> Literal["passes", "fails", "undefined"]:
        """Fails where maps of the wholly random network still correlate above 0.5 with those of the trained one."""
        value = self.stages[-1].correlation.value
        if value != value:
            return "undefined"
        return "fails" if value > TOO_ALIKE else "passes"


def randomised(
    method: str,
    network: nn.Module,
    maps_of: MapsOf,
    image: Tensor,
    patients: Sequence[str],
    *,
    seed: int = 0,
    stages: int = STAGES,
    level: float = 0.95,
) -> Randomised:
    """The rank correlation of |maps| with the trained network's while more and more layers are drawn anew.

    network   one network, not several as one: each of those would forget after the other
    maps_of   makes the maps (B, *size) of the cases with a network it is given
    image     (1, C, *size), to see in which order layers are used
    patients  of the B cases

    The network itself is left as it was. Raises SettingsError where it has no weights.
    """
    layers = weighted_layers(network, image)
    if not layers:
        raise SettingsError("this network has no weights to draw anew, so nothing of it can be forgotten")
    forgotten = redrawn(network, seed)
    trained = maps_of(network)
    found = []
    for number in _numbers(len(layers), stages):
        names = layers[-number:]
        maps = maps_of(_with_layers_of(network, forgotten, names))
        correlation = mean_likeness(likeness(trained, maps), patients, level=level)
        found.append(Stage(number, names[0], correlation))
    return Randomised(method, tuple(found))


def weighted_layers(network: nn.Module, image: Tensor) -> tuple[str, ...]:
    """The names of the layers with parameters of their own, in the order in which an image (1, C, *size) meets them."""
    names = [name for name, module in network.named_modules() if dict(module.named_parameters(recurse=False))]
    met: dict[str, None] = {}
    handles = [
        network.get_submodule(name).register_forward_hook(lambda _, __, ___, name=name: met.setdefault(name))
        for name in names
    ]
    try:
        with torch.inference_mode():
            network(image)
    finally:
        for handle in handles:
            handle.remove()
    return tuple(met)


def redrawn(network: nn.Module, seed: int) -> nn.Module:
    """A copy of which every weight is drawn anew: as the network's own first weights are, else as torch draws them."""
    made = copy.deepcopy(network)
    own = {name: part for name, part in made.named_modules() if isinstance(part, Network)}
    for name, part in own.items():
        initialise(part, part.initialisation, derived_seed(seed, "randomised", name))
    inside = {id(module) for part in own.values() for module in part.modules()}
    with torch.random.fork_rng(devices=[]):  # reset_parameters draws from torch's own stream, which is left as it was
        torch.manual_seed(derived_seed(seed, "randomised"))
        for module in made.modules():
            if id(module) not in inside and callable(reset := getattr(module, "reset_parameters", None)):
                reset()
    return made


def _with_layers_of(network: nn.Module, other: nn.Module, names: Sequence[str]) -> nn.Module:
    """A copy of a network with the named layers, running statistics included, of another of the same shape."""
    made = copy.deepcopy(network)
    for name in names:
        own = dict(other.get_submodule(name).state_dict())
        made.get_submodule(name).load_state_dict(own)
    return made


def _numbers(layers: int, stages: int) -> list[int]:
    """How many of the last layers are drawn anew at each stage: the last alone first, all of them at the end.

    >>> _numbers(21, 5), _numbers(2, 5)
    ([1, 6, 11, 16, 21], [1, 2])
    """
    if stages < 1:
        raise SettingsError(f"stages of a randomisation must be at least 1, got {stages}")
    if stages == 1:
        return [layers]
    return sorted({1 + round(k * (layers - 1) / (stages - 1)) for k in range(stages)})
