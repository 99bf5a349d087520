"""ResNet-18 on 8 images of 224 pixels: the forward pass and the training step, as radcnn runs them and as torch does.

    python benchmarks/engine/resnet18_224.py [--json FILE]

Ours is what radcnn would choose: for prediction the fastest engine that `choose` may take, for training channels-last
memory, in bfloat16 where this machine's trial finds it faster.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from steps import NO_BFLOAT16, training_step
from timing import measure, report, versions, write_rows
from torch import nn

from radcnn.core.cores import available_cores
from radcnn.inference.engines import available_engines, compiled
from radcnn.learning.execution import Execution, keep_memory, logits_of
from radcnn.learning.precision import FASTER, offers_bfloat16
from radcnn.networks import build

BATCH, SIDE, REACH_FORWARD, REACH_STEP = 8, 224, 2.2, 1.8


def network() -> nn.Module:
    """ResNet-18 with its first weights."""
    return build("resnet18", channels=3, outputs=2, dims=2, options={}, seed=0)


def main() -> None:
    """Time both."""
    torch.set_num_threads(available_cores())
    images = torch.randn(BATCH, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    plain = network().eval()
    with torch.inference_mode():
        jobs: dict[str, Callable[[], object]] = {"torch, eager float32": partial(plain, images)}
        offered = offers_bfloat16("cpu")
        for low in (False, True)[: 1 + offered]:
            how = Execution(bfloat16=low)
            name = "torch, channels-last" + low * " bfloat16"
            jobs[name] = partial(logits_of, how.place(network().eval()), images, how)
        for engine in available_engines()[1:]:
            jobs[f"radcnn, {engine}"] = partial(compiled(plain, images, engine, threads=available_cores()), images)
        timed = measure(jobs, runs=7)
    ours = min((name for name in timed if name.startswith("radcnn")), key=lambda name: timed[name].median)
    facts = {"versions": versions("torch", "openvino")}
    others = {name: found for name, found in timed.items() if name.startswith("torch, eager")}
    shown = {ours: timed[ours], **others}
    for name, found in timed.items():
        print(f"  {name:40s} {found.median:8.1f} ms")
    rows = [
        report(
            f"ResNet-18, {SIDE} px, batch {BATCH}: forward", shown, ours=ours, reach=REACH_FORWARD,
            asked=f"{REACH_FORWARD} x torch eager float32", extra=facts,
        )
    ]  # fmt: skip
    steps = {
        "torch, eager float32": training_step(network(), images, Execution(channels_last=False)),
        "radcnn, channels-last": training_step(network(), images, Execution()),
    }
    if offered:
        steps["radcnn, channels-last bfloat16"] = training_step(network(), images, Execution(bfloat16=True))
    plainly = measure({"torch, eager float32": steps["torch, eager float32"]}, runs=5)
    keep_memory()
    timed = plainly | measure({name: step for name, step in steps.items() if name.startswith("radcnn")}, runs=5)
    ours = "radcnn, channels-last"
    low = "radcnn, channels-last bfloat16"
    if offered and timed[ours].median >= FASTER * timed[low].median:
        ours = low
    shown = {ours: timed[ours], "torch, eager float32": timed["torch, eager float32"]}
    rows.append(
        report(
            f"ResNet-18, {SIDE} px, batch {BATCH}: training step", shown, ours=ours, reach=REACH_STEP,
            asked=f"{REACH_STEP} x torch eager float32", note="" if offered else NO_BFLOAT16, extra=facts,
        )
    )  # fmt: skip
    write_rows(rows)


if __name__ == "__main__":
    main()
