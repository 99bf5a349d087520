"""One training epoch of ResNet-18 (28-pixel stem): radcnn's loop against the plainest PyTorch loop, in one run.

    python benchmarks/training_epoch.py [FILE.npz] [--cases N] [--runs N] [--bfloat16]

Same network, batch, optimizer, precision and memory format; the two loops take turns and the ratio of each pair is
printed. Without a file, noise of PneumoniaMNIST's size stands in. Augmentation is off in both: this measures the loop.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from radcnn.core.cores import available_cores
from radcnn.core.target import Target
from radcnn.learning.batches import Cases
from radcnn.learning.case_lesson import CaseLesson
from radcnn.learning.events import StepEnded
from radcnn.learning.execution import Execution, keep_memory
from radcnn.learning.loop import fit
from radcnn.networks import build
from radcnn.plan.settings import TrainingPlan
from radcnn.tasks import make_task
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.pipeline import Pipeline

BATCH, RATE = 128, 1e-3
OPTIONS = {"stem": "small"}


def load(file: str | None, count: int) -> Cases:
    """Images in [0, 1] and labels."""
    if file is None:
        draw = np.random.default_rng(0)
        return Cases(draw.random((count, 1, 28, 28), np.float32), draw.integers(0, 2, (count, 1)).astype(float))
    with np.load(file, allow_pickle=False) as data:
        images = data["train_images"][:count, None].astype(np.float32) / 255
        return Cases(images, data["train_labels"][:count].astype(float))


def network() -> torch.nn.Module:
    """ResNet-18 with the 28-pixel stem, the same first weights each time."""
    return build("resnet18", channels=1, outputs=1, options=OPTIONS, seed=0)


def plain_epoch(cases: Cases, execution: Execution) -> float:
    """The loop of a tutorial: shuffle, forward, backward, step."""
    net = network().to(memory_format=torch.channels_last if execution.channels_last else torch.contiguous_format)
    images, labels = torch.from_numpy(cases.images), torch.from_numpy(cases.targets).float()
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE)
    net.train()
    started = time.perf_counter()
    for rows in torch.randperm(len(cases)).split(BATCH):
        x = images[rows]
        if execution.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=execution.bfloat16):
            logits = net(x)
        loss = F.binary_cross_entropy_with_logits(logits.float(), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - started


def our_epoch(cases: Cases, execution: Execution) -> float:
    """radcnn's loop up to its last step (judging and the checkpoint come after it and have no counterpart)."""
    task = make_task(Target("binary", ("label",), ("0", "1")))
    plan = TrainingPlan(epochs=1, batch=BATCH, learning_rate=RATE, warmup=0, gradient_clip=1.0)
    rows = np.arange(len(cases))
    lesson = CaseLesson(0, cases, rows, rows[:BATCH], task, Pipeline(Augmentation()), plan, seed=0)
    net = network()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        for event in fit(lesson, net, Path(folder), execution):
            if isinstance(event, StepEnded) and event.step == event.steps:
                return time.perf_counter() - started
    raise RuntimeError("the epoch did not end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?")
    parser.add_argument("--cases", type=int, default=4708)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--bfloat16", action="store_true", help="both loops in bfloat16; crashes where the CPU lies")
    given = parser.parse_args()
    keep_memory()
    torch.set_num_threads(available_cores())
    cases = load(given.file, given.cases)
    execution = Execution(workers=1, channels_last=True, bfloat16=given.bfloat16)
    ratios, ours, plain = [], [], []
    for turn in range(given.runs + 1):
        a, b = our_epoch(cases, execution), plain_epoch(cases, execution)
        if turn:  # the first pair warms up
            ours, plain, ratios = [*ours, a], [*plain, b], [*ratios, a / b]
            print(f"pair {turn}: radcnn {a:.2f} s, plain {b:.2f} s, ratio {a / b:.3f}", flush=True)
    print(
        f"median of {given.runs}: radcnn {statistics.median(ours):.2f} s, plain {statistics.median(plain):.2f} s, "
        f"ratio {statistics.median(ratios):.3f}"
    )


if __name__ == "__main__":
    main()
