"""In bfloat16 autocast, convolutions wider than their maps are computed in float32, forward and backward."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from radcnn.networks.narrow_maps import full_where_narrow

CASES = [
    (nn.Conv2d(3, 4, 3, padding=1), (2, 3, 2, 2), True),
    (nn.Conv2d(3, 4, 3, stride=2, padding=1), (2, 3, 1, 1), True),
    (nn.Conv2d(3, 4, (1, 5), padding=(0, 2)), (2, 3, 8, 4), True),
    (nn.Conv2d(3, 4, 3, padding=1), (2, 3, 3, 3), False),
    (nn.Conv3d(3, 4, 3, padding=1), (2, 3, 8, 8, 2), True),
    (nn.Conv3d(3, 4, 3, padding=1, bias=False), (2, 3, 3, 4, 5), False),
    (nn.Conv3d(3, 4, 1), (2, 3, 1, 1, 1), False),
    (nn.Conv1d(3, 4, 3, padding=1), (2, 3, 2), True),
]


@pytest.mark.parametrize(("layer", "shape", "narrow"), CASES)
def test_only_convolutions_wider_than_their_maps_stay_in_float32(
    layer: nn.Module, shape: tuple[int, ...], narrow: bool
) -> None:
    images = torch.rand(shape, generator=torch.Generator().manual_seed(1))

    def gradients(made: torch.Tensor) -> list[torch.Tensor]:
        return list(torch.autograd.grad(made.float().square().sum(), list(layer.parameters())))

    with torch.autocast("cpu", torch.bfloat16), full_where_narrow(images):
        made = layer(images.bfloat16())
    full = layer(images.bfloat16().float())
    assert made.dtype == (torch.float32 if narrow else torch.bfloat16)
    if narrow:
        assert torch.equal(made, full)
        assert all(map(torch.equal, gradients(made), gradients(full)))
    else:
        assert torch.allclose(made.float(), full, atol=0.02)


POISONED = """
import torch
from radcnn.learning.execution import Execution, keep_memory, logits_of
from radcnn.networks import build

def poison():
    blocks = [torch.full((1 << n,), float("nan")) for n in range(10, 23, 2) for _ in range(6)]

keep_memory()
execution = Execution("cpu", bfloat16=True)
options = {"stem": "strided", "base_width": 16}
network = execution.place(build("resnet18", channels=1, outputs=1, dims=3, options=options))
images, found = torch.rand(4, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0)), []
for _ in range(4):
    network.zero_grad(set_to_none=True)
    poison()
    logits_of(network, images, execution).square().sum().backward()
    found.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
print(bool(torch.isfinite(found[0]).all()), all(torch.equal(found[0], other) for other in found))
"""


@pytest.mark.skipif(
    "avx512_bf16" not in Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else True,
    reason="only oneDNN's kernels for avx512_bf16 read memory that nobody wrote, and this CPU has no such instructions",
)
def test_no_gradient_comes_from_memory_that_nobody_wrote() -> None:
    # without the float32 of narrow maps all four were NaN; the kernels of CPUs with matrix units would not show it
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", POISONED], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.split() == ["True", "True"], done.stderr[-2000:]


def test_nothing_changes_without_autocast() -> None:
    layer, images = nn.Conv2d(3, 4, 3, padding=1), torch.rand(2, 3, 2, 2)
    with full_where_narrow(images):
        made = layer(images)
    assert torch.equal(made, layer(images))
