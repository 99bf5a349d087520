"""The training loop: one network, as a function that yields events and keeps a checkpoint at every epoch."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from radcnn.core.chance import derived_seed, torch_generator
from radcnn.core.errors import InputError
from radcnn.core.files import sha256_of_json
from radcnn.core.settings import to_plain
from radcnn.learning import checkpoint
from radcnn.learning.averaging import Averaged
from radcnn.learning.batches import Cases, steps_of, training_batches
from radcnn.learning.checkpoint import Progress
from radcnn.learning.events import EpochEnded, Event, StepEnded, StoppedEarly
from radcnn.learning.execution import Execution, logits_of, training_logits
from radcnn.learning.mixing import mix
from radcnn.learning.optimizers import make_optimizer, rate_at
from radcnn.learning.settling import settle
from radcnn.plan.settings import TrainingPlan
from radcnn.tasks import Task
from radcnn.transforms.pipeline import Pipeline

AUXILIARY = 0.3  # weight of the loss of each auxiliary head: Szegedy et al. 2015, section 5


@dataclass(frozen=True, eq=False)
class Lesson:
    """What one network learns from.

    index    which network of the run (member or fold)
    cases    prepared cases of the development sides
    training, tuning  rows of `cases`
    """

    index: int
    cases: Cases
    training: NDArray[np.intp]
    tuning: NDArray[np.intp]
    task: Task
    pipeline: Pipeline
    plan: TrainingPlan
    seed: int

    def fit_rows(self) -> NDArray[np.intp]:
        """Training rows, evenly spaced, as many as there are tuning rows: where the fit is measured."""
        count = min(len(self.training), max(1, len(self.tuning)))
        return self.training[np.linspace(0, len(self.training) - 1, count).round().astype(np.intp)]

    def identity(self) -> str:
        """A hash of what is learned and how, so that a checkpoint is never continued with something else."""
        said = {
            "index": self.index,
            "seed": self.seed,
            "plan": to_plain(self.plan),
            "augmentation": to_plain(self.pipeline.augmentation),
            "training": self.training.tolist(),
            "tuning": self.tuning.tolist(),
            "cases": self.cases.digest,
        }
        return sha256_of_json(said)


def fit(lesson: Lesson, network: nn.Module, folder: Path, execution: Execution) -> Iterator[Event]:
    """Train `network` in place; at the end it holds the weights to keep. Resumes from `folder` where it can.

    Events come after every step and every epoch. Raises InputError when a loss is no longer finite, ReadError when the
    checkpoint in `folder` is damaged or belongs to another lesson.
    """
    plan = lesson.plan
    network = execution.place(network)
    optimizer = make_optimizer(
        plan.optimizer, network, learning_rate=plan.learning_rate, weight_decay=plan.weight_decay
    )
    averaged = Averaged(network, plan.averaging) if plan.averaging else None
    shadow = averaged.network if averaged else None
    identity = lesson.identity()
    progress = checkpoint.load(folder, network, optimizer, shadow, lesson=identity)
    balance = lesson.task.class_weights(lesson.cases.targets[lesson.training]) if plan.balance else None
    balance = None if balance is None else balance.to(execution.device)
    while progress.epoch < plan.epochs and not progress.stopped:
        started = time.monotonic()
        loss = yield from _epoch(lesson, network, optimizer, averaged, progress.epoch, balance, execution)
        judged = shadow if shadow is not None else network
        settle(judged, lesson.cases, lesson.training, execution)
        fit_loss, fit_figure = measure(lesson, judged, lesson.fit_rows(), execution)
        tuning_loss, tuning_figure = measure(lesson, judged, lesson.tuning, execution)
        rate = float(optimizer.param_groups[0]["lr"])
        ended = EpochEnded(
            lesson.index, progress.epoch + 1, plan.epochs, time.monotonic() - started, rate, loss,
            fit_loss, tuning_loss, fit_figure, tuning_figure,
        )  # fmt: skip
        _note(progress, ended, judged, plan)
        checkpoint.save(folder, progress, network, optimizer, shadow, lesson=identity)
        yield ended
        if progress.stopped:
            yield StoppedEarly(lesson.index, progress.epoch, plan.patience)
    if progress.kept:
        network.load_state_dict(progress.kept)


def _epoch(
    lesson: Lesson, network: nn.Module, optimizer: Optimizer, averaged: Averaged | None, epoch: int,
    balance: Tensor | None, execution: Execution,
) -> Generator[Event, None, float]:  # fmt: skip
    """One pass over the training cases; returns the mean loss of its steps."""
    plan, path = lesson.plan, ("network", lesson.index, "epoch", epoch)
    network.train()
    torch.manual_seed(derived_seed(lesson.seed, "dropout", *path))
    batches = training_batches(
        lesson.cases, lesson.training, lesson.pipeline,
        batch=plan.batch, seed=lesson.seed, path=path, workers=execution.workers,
    )  # fmt: skip
    steps = steps_of(len(lesson.training), plan.batch)
    total = 0.0
    for index, (images, targets) in enumerate(batches):
        factor = rate_at(plan.schedule, step_index=epoch * steps + index, steps=plan.epochs * steps, warmup=plan.warmup)
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * factor
        stream = torch_generator(lesson.seed, "mixing", *path, index)
        images, pairs = mix(images, targets, plan.mixup, stream)
        logits, *auxiliary = training_logits(network, images, execution)
        loss = _loss(lesson, logits, pairs, balance)
        for others in auxiliary:
            loss = loss + AUXILIARY * _loss(lesson, others, pairs, balance)
        total += _descend(loss, network, optimizer, plan.gradient_clip)
        if averaged is not None:
            averaged.update(network, epoch * steps + index)
        yield StepEnded(lesson.index, epoch + 1, index + 1, steps)
    return total / steps


def _loss(lesson: Lesson, logits: Tensor, pairs: list[tuple[float, Tensor]], balance: Tensor | None) -> Tensor:
    """The loss of logits against (share, targets) pairs that add up."""
    smoothing = lesson.plan.label_smoothing
    loss = sum(
        share * lesson.task.loss(logits, truth.to(logits.device), class_weights=balance, smoothing=smoothing)
        for share, truth in pairs
    )
    assert isinstance(loss, Tensor)
    return loss


def _descend(loss: Tensor, network: nn.Module, optimizer: Optimizer, clip: float) -> float:
    value = _finite(float(loss.detach()), "training")
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if clip:
        nn.utils.clip_grad_norm_(network.parameters(), clip)
    optimizer.step()
    return value


def _finite(loss: float, whose: str) -> float:
    if not np.isfinite(loss):
        raise InputError(
            f"the {whose} loss became {loss}: lower training.learning_rate (try a tenth), or look for extreme voxels"
        )
    return loss


@torch.no_grad()
def measure(lesson: Lesson, network: nn.Module, rows: NDArray[np.intp], execution: Execution) -> tuple[float, float]:
    """Loss and watched figure of a network on rows of the development cases, as at prediction.

    Raises InputError when the loss is not finite, so that no diverged weights are ever kept.
    """
    if len(rows) == 0:
        return float("nan"), float("nan")
    network.eval()
    parts = np.array_split(rows, -(-len(rows) // (2 * lesson.plan.batch)))
    logits = torch.cat([logits_of(network, lesson.cases.batch(part)[0], execution).cpu() for part in parts])
    targets = lesson.cases.targets[rows]
    loss = lesson.task.loss(logits, torch.from_numpy(targets).to(logits.dtype), class_weights=None, smoothing=0.0)
    return _finite(float(loss), "tuning"), lesson.task.monitor(lesson.task.decode(logits), targets)


def _note(progress: Progress, ended: EpochEnded, judged: nn.Module, plan: TrainingPlan) -> None:
    """Record an epoch and decide which weights are kept."""
    progress.epoch = ended.epoch
    progress.history.append(ended)
    better = ended.tuning_figure > progress.best or not np.isfinite(ended.tuning_figure)
    if better and np.isfinite(ended.tuning_figure):
        progress.best = ended.tuning_figure
    progress.waiting = 0 if better else progress.waiting + 1
    progress.stopped = bool(plan.patience) and progress.waiting >= plan.patience
    if plan.keep == "last" or better or not progress.kept:
        progress.kept = {name: value.detach().clone() for name, value in judged.state_dict().items()}
