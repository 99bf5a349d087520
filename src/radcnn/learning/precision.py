"""Is bfloat16 safe here? A trial in a process of its own, since some machines announce instructions they then refuse.

The trial runs one training step of the very network in float32 and in bfloat16 autocast and compares what it gives
(logits, or images) and gradients, then times a few steps of the plan's batch. A crash, a time-out, a disagreement or a
step that is not clearly faster means float32, and the run record says which it was. Networks of masks have so many
layers that rounding alone moves them apart: theirs may differ as much as rounding must (docs/decisions/0004).
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from radcnn.core.chance import torch_generator
from radcnn.core.cores import available_cores
from radcnn.core.errors import InputError
from radcnn.core.settings import to_plain
from radcnn.learning.execution import Execution, keep_memory, logits_of
from radcnn.learning.lessons import first_network
from radcnn.learning.rounded import rounded_outputs
from radcnn.networks.image_networks import bare_image_network
from radcnn.plan.restoration import RestorationPlan
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.plan.stored import AnyPlan, any_plan_from_json
from radcnn.tasks import planned_task

AGREE_OUTPUTS = 0.05  # bfloat16 keeps 8 bits: after tens of layers logits agree to a few per cent of their spread
CHANGED = 0.05  # units by which a restoration changes its image in a trial, about as a trained one does
AGREE_GRADIENTS = 0.99  # cosine between the gradients of the two precisions
BEYOND_ROUNDING = 1.25  # times what rounding must cost; what it did cost was within 1.03 times of it
TINY = 1e-3  # differences of outputs, and of a cosine from 1, that say nothing
ROUNDED_OUTPUTS, ROUNDED_GRADIENTS = 0.1, 0.98  # beyond which nobody saw that a network learns as well in 8 bits
FASTER = 1.15  # times; bfloat16 that is not clearly faster is not worth its digits
SECONDS = 180  # a trial that takes longer is useless
STEPS = 5  # timed, in turns, after one of each


@dataclass(frozen=True)
class Compared:
    """bfloat16 beside float32.

    apart      difference of outputs, a share of their spread: the largest, or root mean squares where `must_apart` is
    gradients  cosine of the two gradients
    faster     seconds of a step in float32 over those in bfloat16
    must_apart, must_gradients  the same two of float32 arithmetic rounded to 8 bits; None where nobody asked
    """

    apart: float
    gradients: float
    faster: float
    must_apart: float | None = None
    must_gradients: float | None = None

    @property
    def agreed(self) -> bool:
        """Whether both compute the same."""
        if self.must_apart is None or self.must_gradients is None:
            return self.apart <= AGREE_OUTPUTS and self.gradients >= AGREE_GRADIENTS
        rounded = self.apart <= ROUNDED_OUTPUTS and self.gradients >= ROUNDED_GRADIENTS
        outputs = self.apart <= max(BEYOND_ROUNDING * self.must_apart, TINY)
        return rounded and outputs and 1 - self.gradients <= max(BEYOND_ROUNDING * (1 - self.must_gradients), TINY)

    @property
    def sentence(self) -> str:
        """What was seen."""
        said = f"bfloat16 {'agreed' if self.agreed else 'did not agree'} with float32 in a trial"
        outputs, gradients = f"{self.apart:.1%} of their spread", f"{self.gradients:.4f}"
        if self.must_apart is not None:
            outputs += f" (rounding to 8 bits alone: {self.must_apart:.1%})"
            gradients += f" ({self.must_gradients:.4f})"
        return f"{said}: outputs differ by {outputs}, gradients agree to {gradients}"


def offers_bfloat16(device: str) -> bool:
    """Whether bfloat16 would be worth a trial: instructions for it on the CPU, or a CUDA device that has it.

    Matrix units gain two to three times, AVX-512 alone 1.4 to 1.8: docs/decisions/0004.
    """
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    info = Path("/proc/cpuinfo")
    told = info.read_text(encoding="utf-8", errors="replace") if info.exists() else ""
    return "amx_bf16" in told or "avx512_bf16" in told


def bfloat16_trial(plan: AnyPlan, device: str, *, proposed: bool = True) -> tuple[bool, str]:
    """Whether bfloat16 agrees with float32 for this plan on this machine, and the sentence that says so.

    proposed  whether the precision is still to be chosen: it also has to be clearly faster then, and no image may pass
              through it; a plan that was made in bfloat16 asks for agreement alone
    """
    if not offers_bfloat16(device):
        return False, "this machine has no instructions for bfloat16"
    if proposed and isinstance(plan, RestorationPlan) and not _residual(plan):
        return False, f"an image passes through {plan.network.name} itself, and has more than the 8 bits of bfloat16"
    found = _in_a_child(plan, device)
    if isinstance(found, str):
        return False, found
    quick = found.faster >= FASTER or not proposed
    return found.agreed and quick, f"{found.sentence}, a step is {found.faster:.2f} times as fast"


def bfloat16_runs(plan: AnyPlan, device: str) -> tuple[bool, str]:
    """Whether this machine computes the plan's network in bfloat16 at all, fast or not; if not, why."""
    found = _in_a_child(plan, device)
    return (False, found) if isinstance(found, str) else (True, "")


def _in_a_child(plan: AnyPlan, device: str) -> Compared | str:
    """What `compare` finds in a process of its own, or the sentence why there is nothing."""
    command = [sys.executable, "-m", "radcnn.learning.precision", device]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, with JSON on its standard input
            command, input=json.dumps(to_plain(plan)), capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"the bfloat16 trial took longer than {SECONDS} s"
    if done.returncode < 0:
        return f"bfloat16 stopped the trial process on this machine ({signal.Signals(-done.returncode).name})"
    try:
        found = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
        told: dict[str, Any] = {name: value if value is None else float(value) for name, value in found.items()}
        return Compared(**told)
    except (ValueError, LookupError, TypeError, AttributeError):
        return "the bfloat16 trial failed on this machine"


def compare(plan: AnyPlan, device: str) -> Compared:
    """bfloat16 against float32 on noise: what networks give, their gradients, and the time of a step."""
    images = _batch(plan)
    full, low = (_answered(plan, images, device, low=low) for low in (False, True))
    if not isinstance(plan, SegmentationPlan):
        apart = float((full[0] - low[0]).abs().max() / full[0].abs().max().clamp_min(1e-6))
        return Compared(apart, _cosine(full[1], low[1]), times_faster(plan, device))
    rounded = _answered(plan, images, device, low=None)
    return Compared(
        _apart(full[0], low[0]), _cosine(full[1], low[1]), times_faster(plan, device),
        _apart(full[0], rounded[0]), _cosine(full[1], rounded[1]),
    )  # fmt: skip


def _answered(plan: AnyPlan, images: Tensor, device: str, *, low: bool | None) -> tuple[Tensor, Tensor]:
    """Outputs of the plan's first network and the gradient of their squares; None: as rounding must make them."""
    execution = Execution(device=device, channels_last=plan.training.channels_last, bfloat16=bool(low))
    network = execution.place(_without_dropout(_first(plan)))
    outputs = rounded_outputs(network, images.to(device)) if low is None else logits_of(network, images, execution)
    outputs.square().sum().backward()
    gradient = torch.cat([p.grad.float().flatten() for p in network.parameters() if p.grad is not None])
    return outputs.detach().cpu(), gradient.cpu()


def _apart(full: Tensor, other: Tensor) -> float:
    """How far outputs are from those in float32, beside their size: both root mean squares."""
    return float((full - other).square().mean().sqrt() / full.square().mean().sqrt().clamp_min(1e-6))


def _cosine(full: Tensor, other: Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(full.double(), other.double(), dim=0))


def times_faster(plan: AnyPlan, device: str) -> float:
    """Time of a training step of the plan, float32 over bfloat16: the least of each, since others share the machine."""
    images = _batch(plan)
    took: dict[bool, list[float]] = {False: [], True: []}
    ways = {low: Execution(device, channels_last=plan.training.channels_last, bfloat16=low) for low in took}
    networks = {low: way.place(_first(plan).train()) for low, way in ways.items()}
    for step in range(STEPS + 1):
        for low, network in networks.items():
            began = time.perf_counter()
            loss = logits_of(network, images, ways[low]).square().mean()
            loss.backward()
            float(loss.detach())  # waits for the device
            if step:
                took[low].append(time.perf_counter() - began)
    return min(took[False]) / min(took[True])


def _residual(plan: RestorationPlan) -> bool:
    """Whether the plan's network adds to its input, which then stays as it is."""
    named = plan.network
    return bare_image_network(named.name, channels=plan.channels, dims=plan.dims, options=named.options).residual


def _first(plan: AnyPlan) -> nn.Module:
    """The plan's network with its first weights; one that begins as the identity, with a last layer that does not."""
    if isinstance(plan, SegmentationPlan):
        from radcnn.learning.masked import first_segmenting_network

        return first_segmenting_network(plan, 0)
    if not isinstance(plan, RestorationPlan):
        return first_network(plan, planned_task(plan.target, plan.task), 0)
    from radcnn.learning.pairs import first_image_network  # what predicts an image does not need it

    network = first_image_network(plan, 0)
    chance = torch_generator(plan.seed, "precision", "last layer")
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim > 2 and not weight.any():
                weight.normal_(0, 2 * CHANGED / weight[0].numel() ** 0.5, generator=chance)
    return network


def _batch(plan: AnyPlan) -> Tensor:
    """Noise (B, C, *size) of the batch that is trained with: normalising fewer cases would magnify every rounding."""
    if isinstance(plan, RestorationPlan):
        channels, size = plan.channels, plan.patch
    elif isinstance(plan, SegmentationPlan):
        channels, size = plan.seen, plan.patch
    else:
        channels, size = plan.preparation.channels, plan.preparation.size
    shape = (max(2, plan.training.batch), channels, *size)
    return torch.rand(shape, generator=torch_generator(plan.seed, "precision"))


def _without_dropout(network: nn.Module) -> nn.Module:
    """Two draws of dropout would differ more than two precisions."""
    for module in network.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()
    return network


def main() -> int:
    """Read a plan from standard input, write the comparison to standard output."""
    keep_memory()
    torch.set_num_threads(available_cores())
    try:
        found = compare(any_plan_from_json(json.loads(sys.stdin.read())), sys.argv[1])
    except InputError:
        return 1
    sys.stdout.write(json.dumps(to_plain(found)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
