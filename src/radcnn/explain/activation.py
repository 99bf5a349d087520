"""Class activation maps: which places of a layer's maps speak for a class.

Zhou et al. 2016, Learning Deep Features for Discriminative Localization, CVPR; Selvaraju et al. 2017, Grad-CAM, ICCV.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from radcnn.core.errors import SettingsError


def class_activation(
    network: nn.Module, layer: nn.Module | str, images: Tensor, classes: Tensor | Sequence[int] | int
) -> tuple[Tensor, Tensor]:
    """Grad-CAM of one class per image, and the logits: map (B, *size of the layer's maps) and logits (B, outputs).

    network  gives logits (B, outputs); it is left as it was, in the mode it is in: call network.eval() first
    layer    one of its modules, or its name; its output is the maps (B, K, ...) that are weighted
    images   (B, C, *size)
    classes  which output speaks: one per image, or one for all

        map = relu(sum_k a_k A_k)        a_k = mean over places of d logit / d A_k

    Where the layer is followed by global average pooling and a dense layer this is Zhou's class activation map, up to
    a factor of the number of places and the rectifier. Nothing before the layer is differentiated: the graph begins at
    its output, so that the whole costs little more than a forward pass. The layer's last call counts where it is used
    several times.

    Raises SettingsError when the layer is not of this network, is not reached, or gives no maps, or when a class is no
    output.

    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    >>> maps, logits = class_activation(network, "0", torch.zeros(4, 1, 8, 8), 2)
    >>> tuple(maps.shape), tuple(logits.shape)
    ((4, 6, 6), (4, 3))
    """
    module = network.get_submodule(layer) if isinstance(layer, str) and _has(network, layer) else layer
    if not isinstance(module, nn.Module) or all(module is not part for part in network.modules()):
        raise SettingsError(f"layer must be a module of this network or its name, got {_called(layer)}")
    found: list[Tensor] = []

    def cut(_: nn.Module, __: object, made: object) -> Tensor:
        if not isinstance(made, Tensor) or made.ndim < 3:
            raise SettingsError(f"a layer with maps (B, K, ...) is needed, but {_called(layer)} gives none")
        found[:] = [made.detach().requires_grad_()]
        torch.set_grad_enabled(True)
        return found[0].clone()  # a rectifier behind the layer may write into what it is given

    handle = module.register_forward_hook(cut)
    try:
        with torch.inference_mode(False), torch.no_grad():
            logits = network(images)
            if not found:
                raise SettingsError(f"{_called(layer)} is not reached by these images")
            weights = _gradient(logits, found[0], classes).flatten(2).mean(2)
            maps = torch.einsum("bk...,bk->b...", found[0].detach(), weights).relu()
    finally:
        handle.remove()
    return maps, logits.detach()


def _gradient(logits: Tensor, maps: Tensor, classes: Tensor | Sequence[int] | int) -> Tensor:
    """The derivative of each image's logit of its class; zero where it does not depend on the maps."""
    index = torch.as_tensor(classes, device=logits.device).expand(len(logits))
    if len(index) and not (int(index.min()) >= 0 and int(index.max()) < logits.shape[1]):
        raise SettingsError(f"classes must be outputs 0 to {logits.shape[1] - 1} of the network, got {index.tolist()}")
    with torch.enable_grad():
        chosen = logits.gather(1, index[:, None]).sum()
    if not chosen.requires_grad:
        return torch.zeros_like(maps)
    (found,) = torch.autograd.grad(chosen, [maps], allow_unused=True, materialize_grads=True)
    return found


def _has(network: nn.Module, name: str) -> bool:
    return name in dict(network.named_modules())


def _called(layer: nn.Module | str) -> str:
    return repr(layer) if isinstance(layer, str) else type(layer).__name__
