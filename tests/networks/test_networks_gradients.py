"""Every block's gradient against finite differences, in float64, for images and volumes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from radcnn.core.chance import torch_generator
from radcnn.networks.build import build
from radcnn.networks.densenet import DenseBlock, DenseNetOptions, Transition
from radcnn.networks.googlenet import AuxiliaryHead, ConvNormReLU, GoogLeNetOptions, Inception
from radcnn.networks.initialisation import Initialisation, initialise
from radcnn.networks.layers import ACTIVATIONS, average_pool, convolution, max_pool
from radcnn.networks.network import Ends
from radcnn.networks.resnet import BasicBlock, Bottleneck

MANY = 600  # parameters of a block; finite differences cost two passes for each
GOOGLE = GoogLeNetOptions(base_width=1, norm="group", branch3_kernel=5)
DENSE = DenseNetOptions(growth_rate=1, initial_width=2)
BLOCKS = {
    "convolution": lambda dims: convolution(dims, 2, 2, 3, stride=2, padding=1),
    "max pooling": lambda dims: max_pool(dims, 2, stride=1),
    "average pooling": lambda dims: average_pool(dims, 2, stride=2),
    "convolution, norm, relu": lambda dims: ConvNormReLU(Ends(2, 2, dims), 3, "batch"),
    "basic block": lambda dims: BasicBlock(dims, 2, 2, 1, "batch"),
    "basic block, striding": lambda dims: BasicBlock(dims, 2, 3, 2, "instance"),
    "bottleneck": lambda dims: Bottleneck(dims, 2, 1, 2, "batch"),
    "inception": lambda dims: Inception(Ends(2, 8, dims), (2, 2, 2, 2, 2, 2), GOOGLE),
    "auxiliary head": lambda dims: AuxiliaryHead(Ends(2, 2, dims), GOOGLE),
    "dense block": lambda dims: DenseBlock(dims, 2, 2, DENSE),
    "transition": lambda dims: Transition(dims, 2, "group"),
}


def check(block: nn.Module, dims: int, label: str) -> None:
    """Gradients with respect to the input and every parameter, to a relative error of 1e-6."""
    initialise(block, Initialisation(), 3)
    block = block.double()
    for module in block.modules():
        if isinstance(module, nn.Dropout):
            module.eval()  # chance has no finite difference
    size = (3, 3) if dims == 2 else (3, 2, 2)
    x = torch.randn(2, 2, *size, dtype=torch.float64, generator=torch_generator(0, label), requires_grad=True)
    names = [name for name, _ in block.named_parameters()]

    def run(image: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(block, dict(zip(names, values, strict=True)), (image,))

    # many parameters: one random direction of each tensor instead of every element
    fast = sum(p.numel() for p in block.parameters()) > MANY
    assert torch.autograd.gradcheck(run, (x, *block.parameters()), eps=1e-6, atol=1e-7, rtol=1e-6, fast_mode=fast)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("label", BLOCKS)
def test_the_gradient_of_a_block_is_that_of_finite_differences(label: str, dims: int) -> None:
    check(BLOCKS[label](dims), dims, label)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_of_a_chain_is_that_of_finite_differences(activation: str, dims: int) -> None:
    options = {
        "kernels": [2], "activation": activation, "norm": "group", "dense": [2], "pooling_size": 2, "pooling_stride": 1,
    }  # fmt: skip
    check(build("chain", channels=2, outputs=2, dims=dims, options=options, seed=0), dims, "chain")
