"""How a network runs: memory formats change no result, and bfloat16 is used only after a trial that survived."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from radcnn.core.chance import torch_generator
from radcnn.core.cores import available_cores
from radcnn.learning import precision
from radcnn.learning.execution import Execution, available_device, full_last_layer, logits_of
from radcnn.networks import build
from radcnn.plan.restoration import RestorationPlan
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from written_lessons import tiny_network, tiny_plan


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("channels_last", [True, False])
def test_the_memory_format_is_that_of_the_plan_and_changes_no_logit(dims: int, channels_last: bool) -> None:
    network = build("chain", channels=2, outputs=3, dims=dims, options={"kernels": [4, 6], "dense": []}, seed=0).eval()
    images = torch.randn(2, 2, *(8,) * dims, generator=torch_generator(0))
    expected = network(images)
    execution = Execution(channels_last=channels_last)
    placed = execution.place(network)
    assert placed is network
    kernel = next(p for p in network.parameters() if p.ndim == dims + 2 and p.shape[1] > 1)
    assert kernel.is_contiguous(memory_format=execution.memory_format(network, dims))
    assert kernel.is_contiguous() is not channels_last
    found = logits_of(network, images, execution)
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected, atol=1e-5)


SMALL_SHORTCUTS = {"stem": "small", "base_width": 8}  # 1x1 convolutions of stride 2 on 8 and 16 channels

# 2 threads and 7 cases: oneDNN 3.12 wrote past its memory, and such trainings ended with SIGSEGV or SIGABRT
ODD_BATCH = """
import torch
from radcnn.learning.execution import Execution, logits_of
from radcnn.networks import build
torch.set_num_threads(2)
execution = Execution()
network = execution.place(build("resnet18", channels=1, outputs=1, options=OPTIONS, seed=0))
for _ in range(8):
    logits_of(network, torch.randn(7, 1, 14, 14), execution).square().mean().backward()
held = [torch.randn(1000) for _ in range(200)]
"""


def test_a_narrow_residual_network_is_trained_by_two_threads_on_an_odd_batch() -> None:
    program = ODD_BATCH.replace("OPTIONS", repr(SMALL_SHORTCUTS))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "dims", "options", "contiguous"),
    [
        ("resnet18", 2, SMALL_SHORTCUTS, True),
        ("resnet18", 2, {"base_width": 15}, True),
        ("resnet18", 2, {"base_width": 16}, False),
        ("resnet18", 3, SMALL_SHORTCUTS, False),
        ("densenet121", 2, {"growth_rate": 2, "initial_width": 4}, False),  # its 1x1 convolutions do not stride
        ("chain", 2, {"kernels": [4, 6], "dense": []}, False),
    ],
)
def test_memory_is_contiguous_where_a_strided_1x1_convolution_has_few_channels(
    name: str, dims: int, options: dict, contiguous: bool
) -> None:
    execution = Execution()
    network = execution.place(build(name, channels=3, outputs=2, dims=dims, options=options, seed=0))
    kernel = next(p for p in network.parameters() if p.ndim == dims + 2 and min(p.shape[1:]) > 1)
    assert kernel.is_contiguous() is contiguous
    assert (execution.memory_format(network, dims) == torch.contiguous_format) is contiguous
    assert Execution(device="cuda").memory_format(network, dims) != torch.contiguous_format


def test_this_machine_is_described() -> None:
    assert available_cores() >= 1
    assert available_device() in ("cpu", "cuda")


LAST_LAYER = """
import torch
from torch import nn
from radcnn.learning.execution import Execution, logits_of
class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[1.001, 2.003, 0.0, 0.0], [0.0, 0.0, 0.3, 0.7]]))
            self.head.bias.fill_(0.1234567)
    def forward(self, x):
        return self.head(x)
x = torch.tensor([[1.0, 0.5, 0.25, 2.0]])
network = Small()
exact = network(x)
low = logits_of(network, x, Execution(channels_last=False, bfloat16=True))
assert torch.equal(low, exact), (low, exact)
assert not network.head._forward_hooks
low.sum().backward()
assert network.head.weight.grad is not None
"""


def test_under_bfloat16_the_last_layer_keeps_its_precision(monkeypatch) -> None:
    # in a process of its own, restricted to instructions every machine has: see docs/decisions
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    done = subprocess.run([sys.executable, "-c", LAST_LAYER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_network_without_a_named_last_layer_runs_as_it_is() -> None:
    network = nn.Linear(2, 1)
    with full_last_layer(network):
        assert not network._forward_hooks


def program(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("body", "agreed", "says"),
    [
        ("kill -ILL $$", False, "bfloat16 stopped the trial process on this machine (SIGILL)"),
        ("kill -SEGV $$", False, "bfloat16 stopped the trial process on this machine (SIGSEGV)"),
        ("exit 1", False, "the bfloat16 trial failed on this machine"),
        ("echo no json", False, "the bfloat16 trial failed on this machine"),
        ("exit 0", False, "the bfloat16 trial failed on this machine"),
        ("exec sleep 5", False, "the bfloat16 trial took longer than"),
        ('echo \'{"apart": 0.2, "gradients": 0.999, "faster": 2}\'', False, "did not agree with float32 in a trial"),
        ('echo \'{"apart": 0.01, "gradients": 0.9, "faster": 2}\'', False, "did not agree with float32 in a trial"),
        ('echo \'{"apart": NaN, "gradients": NaN, "faster": 2}\'', False, "did not agree with float32 in a trial"),
        ('echo \'{"apart": 0.01, "gradients": 0.9991}\'', False, "the bfloat16 trial failed on this machine"),
        ('echo \'{"apart": 0.01, "gradients": 0.9991, "faster": 1.1}\'', False,
         "outputs differ by 1.0% of their spread, gradients agree to 0.9991, a step is 1.10 times as fast"),
        ('echo \'{"apart": 0.01, "gradients": 0.9991, "faster": 1.5}\'', True,
         "bfloat16 agreed with float32 in a trial: outputs differ by 1.0% of their spread, gradients agree to 0.9991"),
    ],
)  # fmt: skip
def test_a_trial_ends_with_a_verdict_whatever_the_child_does(
    tmp_path: Path, monkeypatch, body: str, agreed: bool, says: str
) -> None:
    monkeypatch.setattr(precision, "offers_bfloat16", lambda device: True)
    monkeypatch.setattr(precision, "SECONDS", 0.2 if "sleep" in body else 60)
    monkeypatch.setattr(sys, "executable", program(tmp_path / "child", f"cat > /dev/null\n{body}"))
    found, sentence = precision.bfloat16_trial(tiny_plan(), "cpu")
    assert found is agreed
    assert says in sentence
    came_back = "outputs differ" in sentence
    assert precision.bfloat16_runs(tiny_plan(), "cpu") == (came_back, "" if came_back else sentence)


def test_a_plan_that_was_made_in_bfloat16_need_not_be_faster(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(precision, "offers_bfloat16", lambda device: True)
    body = 'cat > /dev/null\necho \'{"apart": 0.01, "gradients": 0.9991, "faster": 0.5}\''
    monkeypatch.setattr(sys, "executable", program(tmp_path / "child", body))
    assert not precision.bfloat16_trial(tiny_plan(), "cpu")[0]
    assert precision.bfloat16_trial(tiny_plan(), "cpu", proposed=False)[0]


@pytest.mark.parametrize(
    ("name", "options", "proposed"),
    [
        ("chen2017", {}, False),
        ("nishio2017", {}, False),
        ("unet", {"kernels": [4, 8], "residual": False}, False),
        ("unet", {"kernels": [4, 8]}, True),
        ("redcnn", {"kernels": 8}, True),
        ("dncnn", {"kernels": 8}, True),
    ],
)
def test_bfloat16_is_proposed_where_no_image_has_to_pass_through_its_8_bits(
    tmp_path: Path, monkeypatch, name: str, options: dict, proposed: bool
) -> None:
    monkeypatch.setattr(precision, "offers_bfloat16", lambda device: True)
    body = 'cat > /dev/null\necho \'{"apart": 0.01, "gradients": 0.9991, "faster": 2}\''
    monkeypatch.setattr(sys, "executable", program(tmp_path / "child", body))
    plan = RestorationPlan(NetworkPlan(name, options), TrainingPlan(epochs=1, batch=2), (32, 32))
    found, sentence = precision.bfloat16_trial(plan, "cpu")
    assert found is proposed
    assert proposed or "an image passes through" in sentence
    assert precision.bfloat16_trial(plan, "cpu", proposed=False)[0]


@pytest.mark.parametrize(("flags", "offered"), [("amx_bf16", True), ("avx512_bf16", True), ("avx512f avx2", False)])
def test_a_cpu_offers_bfloat16_where_it_has_instructions_for_it(monkeypatch, flags: str, offered: bool) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_text", lambda *_, **__: f"flags : fpu {flags} sse")
        patched.setattr(Path, "exists", lambda _: True)
        assert precision.offers_bfloat16("cpu") is offered


def test_no_trial_without_instructions_for_bfloat16(monkeypatch) -> None:
    monkeypatch.setattr(precision, "offers_bfloat16", lambda device: False)
    assert precision.bfloat16_trial(tiny_plan(), "cpu") == (False, "this machine has no instructions for bfloat16")


def test_a_trial_in_one_precision_agrees_with_itself_even_with_dropout(monkeypatch) -> None:
    monkeypatch.setattr(precision, "logits_of", lambda network, images, execution: network(images))
    found = precision.compare(tiny_plan(), "cpu")
    assert found.apart == 0
    assert found.gradients == pytest.approx(1, abs=1e-12)


def test_a_trial_sees_a_precision_that_is_off(monkeypatch) -> None:
    def off(network: nn.Module, images: torch.Tensor, execution: Execution) -> torch.Tensor:
        return network(images.flip(-1) if execution.bfloat16 else images)

    monkeypatch.setattr(precision, "logits_of", off)
    found = precision.compare(tiny_plan(), "cpu")
    assert found.apart > precision.AGREE_OUTPUTS or found.gradients < precision.AGREE_GRADIENTS


def test_the_childs_program_reads_a_plan_and_writes_its_comparison(monkeypatch, capsys) -> None:
    import io
    import json

    from radcnn.core.settings import to_plain

    monkeypatch.setattr(precision, "logits_of", lambda network, images, execution: network(images))
    monkeypatch.setattr(sys, "argv", ["precision", "cpu"])
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(to_plain(tiny_plan()))))
    assert precision.main() == 0
    told = json.loads(capsys.readouterr().out)
    assert {name for name, value in told.items() if value is not None} == {"apart", "gradients", "faster"}
    monkeypatch.setattr(sys, "stdin", io.StringIO("{}"))
    assert precision.main() == 1


def test_the_comparison_leaves_dropout_to_training() -> None:
    network = tiny_network()
    precision._without_dropout(network)
    assert network.training
    assert not any(m.training for m in network.modules() if isinstance(m, nn.Dropout))


def test_a_trial_of_a_restoration_reaches_every_layer_of_one_that_begins_as_the_identity() -> None:
    network = NetworkPlan("unet", {"kernels": [8, 16], "norm": "none"})
    plan = RestorationPlan(network, TrainingPlan(epochs=1, batch=2), (16, 16))
    first = precision._first(plan)
    images = precision._batch(plan)
    assert images.shape == (2, 1, 16, 16)
    first(images).square().sum().backward()
    assert all(weight.grad.abs().sum() > 0 for name, weight in first.named_parameters() if name.endswith("weight"))
    found = precision.compare(plan, "cpu")
    assert found.apart < precision.AGREE_OUTPUTS
    assert found.gradients > precision.AGREE_GRADIENTS
