"""bfloat16 of networks of masks: what rounding to 8 bits must cost, and a trial that tells it from wrong arithmetic."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from radcnn.core.chance import torch_generator
from radcnn.core.settings import to_plain
from radcnn.learning import precision
from radcnn.learning.execution import Execution, logits_of
from radcnn.learning.precision import Compared
from radcnn.learning.rounded import rounded_outputs
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan

DEEP = SegmentationPlan(
    NetworkPlan("modern_unet", {"kernels": [16, 32, 64], "supervised": 1}),
    TrainingPlan(epochs=1, batch=4), (Structure("a", (1,)), Structure("b", (2,))), (64, 64),
)  # fmt: skip


def test_kernels_maps_and_gradients_are_rounded_and_nothing_else() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.LeakyReLU(inplace=True), nn.Conv2d(4, 2, 1))
    images = torch.randn(2, 1, 8, 8, generator=torch_generator(0))
    found = rounded_outputs(network, images)

    def low(values: Tensor) -> Tensor:
        return values.detach().bfloat16().float()

    first, _, last = network
    assert isinstance(first, nn.Conv2d)
    assert isinstance(last, nn.Conv2d)
    maps = low(nn.functional.conv2d(low(images), low(first.weight), first.bias))
    maps = low(nn.functional.leaky_relu(maps))
    expected = low(nn.functional.conv2d(maps, low(last.weight), last.bias))
    assert torch.equal(found, expected)
    gradient = torch.randn(found.shape, generator=torch_generator(1))
    found.backward(gradient)
    assert last.weight.grad is not None
    by_hand = torch.einsum("bkyx,bcyx->kc", low(gradient), maps)[:, :, None, None]
    assert torch.allclose(last.weight.grad, low(by_hand), rtol=2**-8)
    assert not any(layer._forward_hooks for layer in network.modules())
    assert torch.equal(network(images), network(images.clone()))


IN_A_CHILD = """
import json, sys
from radcnn.core.settings import to_plain
from radcnn.learning import precision
from radcnn.plan.stored import any_plan_from_json
precision.times_faster = lambda plan, device: 2.0
found = precision.compare(any_plan_from_json(json.loads(sys.stdin.read())), "cpu")
print(json.dumps({"agreed": found.agreed, "sentence": found.sentence, **to_plain(found)}))
"""


def test_a_deep_network_of_masks_differs_by_what_rounding_must_cost(monkeypatch) -> None:
    # torch's own bfloat16, in a process of its own, restricted to instructions every machine has: see docs/decisions
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    command = [sys.executable, "-c", IN_A_CHILD]
    done = subprocess.run(command, input=json.dumps(to_plain(DEEP)), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["must_apart"] > 0.01
    assert found["apart"] == pytest.approx(found["must_apart"], rel=0.15)
    assert 1 - found["gradients"] == pytest.approx(1 - found["must_gradients"], rel=0.2)
    assert found["agreed"]
    assert "(rounding to 8 bits alone: " in found["sentence"]


@pytest.mark.parametrize("wrong", ["turned", "kernels", "noise"])
def test_wrong_arithmetic_is_told_from_rounding(monkeypatch, wrong: str) -> None:
    monkeypatch.setattr(precision, "times_faster", lambda plan, device: 2.0)

    def off(network: nn.Module, images: Tensor, execution: Execution) -> Tensor:
        if not execution.bfloat16:
            return logits_of(network, images, execution)
        if wrong == "turned":
            return rounded_outputs(network, images.flip(-1))
        chance = torch_generator(3)
        if wrong == "kernels":
            with torch.no_grad():
                for value in network.parameters():
                    value.mul_(1 + 0.02 * torch.randn(value.shape, generator=chance))
        outputs = rounded_outputs(network, images)
        return outputs + 0.1 * torch.randn(outputs.shape, generator=chance) if wrong == "noise" else outputs

    monkeypatch.setattr(precision, "logits_of", off)
    assert not precision.compare(DEEP, "cpu").agreed


@pytest.mark.parametrize(
    ("compared", "agreed"),
    [
        (Compared(0.08, 0.985, 2, 0.08, 0.985), True),
        (Compared(0.08, 0.985, 2), False),  # of other networks less is what they differ by, and more is asked
        (Compared(0.08, 0.985, 2, 0.06, 0.985), False),
        (Compared(0.08, 0.985, 2, 0.08, 0.99), False),
        (Compared(0.0009, 0.9999, 2, 0.0, 1.0), True),  # beneath what says anything
        (Compared(0.12, 0.985, 2, 0.12, 0.985), False),  # rounding alone costs too much
        (Compared(0.08, 0.97, 2, 0.08, 0.97), False),
        (Compared(float("nan"), float("nan"), 2, 0.08, 0.985), False),
    ],
)
def test_bounds_of_a_trial(compared: Compared, agreed: bool) -> None:
    assert compared.agreed is agreed
