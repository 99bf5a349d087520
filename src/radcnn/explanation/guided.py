"""Guided backpropagation and guided Grad-CAM: the fine structure that speaks for a class, where a class is seen.

Springenberg et al. 2015 (arXiv:1412.6806); Selvaraju et al. 2017, Grad-CAM, ICCV (arXiv:1610.02391). Guided
backpropagation alone draws edges of the image whatever the weights are (Adebayo et al. 2018, arXiv:1810.03292); see
`randomised` before it is believed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.asked import Classes, logits_asked
from radcnn.explanation.rectifiers import Rectified


def guided_gradient(network: nn.Module, images: Tensor, classes: Classes) -> Tensor:
    """The asked logit's derivative by the image, of which rectifiers let pass back only what is above 0: (B, C, *size).

    Raises SettingsError where the network has no ReLU: nothing of it would be guided.
    """
    with torch.inference_mode(False), torch.enable_grad():
        shown = images.detach().clone().requires_grad_()
        with Rectified("guided") as guided:
            logits = logits_asked(network(shown), classes)
        if not guided.met:
            raise SettingsError(
                "guided backpropagation is of rectifiers (ReLU), and this network uses none; take gradcam, occlusion "
                "or integrated_gradients"
            )
        (slope,) = torch.autograd.grad(logits.sum(), shown)
    return slope


def guided_map(network: nn.Module, images: Tensor, classes: Classes, seen: Tensor) -> Tensor:
    """Guided Grad-CAM: the guided gradient, channels added, times a Grad-CAM on the image's voxels: (B, *size).

    seen  (B, *size), `gradcam`
    """
    return guided_gradient(network, images, classes).sum(1) * seen
