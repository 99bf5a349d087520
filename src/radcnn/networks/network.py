"""What every network offers: maps before pooling, logits, the name of its last dense layer, its first weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.networks.initialisation import Initialisation
from radcnn.networks.layers import Dims

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Ends:
    """What goes in and what comes out: image channels, number of outputs, and 2 for images or 3 for volumes."""

    channels: int
    outputs: int
    dims: Dims = 2

    def __post_init__(self) -> None:
        for name in ("channels", "outputs"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise SettingsError(f"{name} of a network must be a whole number of at least 1, got {value!r}")
        if self.dims not in (2, 3):
            raise SettingsError(f"dims of a network must be 2 (images) or 3 (volumes), got {self.dims!r}")


class Network(nn.Module):
    """A network for images (B, C, H, W) or volumes (B, C, D, H, W).

    features(x)     the last maps before pooling, (B, K, ...): a method, or a module where torchvision has one
    forward(x)      logits (B, outputs); never a probability
    head_name       the last dense layer's name in the state dict: "fc", "classifier" or "classifier.6"
    initialisation  how its first weights are drawn
    auxiliary       names of the heads that only help training, in the order of `with_auxiliary`; mostly none
    """

    features: Callable[[Tensor], Tensor]
    head_name: str
    initialisation: Initialisation
    auxiliary: tuple[str, ...] = ()

    @property
    def head(self) -> nn.Linear:
        """The last dense layer, whose outputs are the logits."""
        layer = self.get_submodule(self.head_name)
        assert isinstance(layer, nn.Linear), f"{self.head_name} is the last dense layer"
        return layer

    def with_auxiliary(self, x: Tensor) -> tuple[Tensor, ...]:
        """The logits (B, outputs), then those of the auxiliary heads."""
        return (self(x),)

    def leave_out_auxiliary(self) -> None:
        """Take the auxiliary heads away, and their parameters with them: prediction has no use for them."""
        for name in self.auxiliary:
            setattr(self, name, None)
        self.auxiliary = ()


@dataclass(frozen=True)
class Builder(Generic[N]):
    """An entry of NETWORKS or IMAGE_NETWORKS.

    make     (ends, options) -> network; its weights are not drawn yet
    options  the frozen dataclass of its options
    paper    where the network was described
    """

    make: Callable[[Ends, Any], N]
    options: type[Any]
    paper: str
