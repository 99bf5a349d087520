"""The training loop: one network, as a function that yields events and keeps a checkpoint at every epoch."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from radcnn.core.chance import derived_seed
from radcnn.core.errors import InputError
from radcnn.learning import checkpoint, snapshots
from radcnn.learning.averaging import Averaged
from radcnn.learning.checkpoint import Progress
from radcnn.learning.events import EpochEnded, Event, StepEnded, StoppedEarly
from radcnn.learning.execution import Execution
from radcnn.learning.lesson import Lesson
from radcnn.learning.optimizers import make_optimizer, rate_at
from radcnn.plan.settings import TrainingPlan


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
    while progress.epoch < plan.epochs and not progress.stopped:
        started = time.monotonic()
        loss = yield from _epoch(lesson, network, optimizer, averaged, progress.epoch, execution)
        judged = shadow if shadow is not None else network
        lesson.settle(judged, execution)
        fit_loss, fit_figure = _measured(lesson.measure(judged, "fit", execution))
        tuning_loss, tuning_figure = _measured(lesson.measure(judged, "tuning", execution))
        rate = float(optimizer.param_groups[0]["lr"])
        ended = EpochEnded(
            lesson.index, progress.epoch + 1, plan.epochs, time.monotonic() - started, rate, loss,
            fit_loss, tuning_loss, fit_figure, tuning_figure,
        )  # fmt: skip
        _note(progress, ended, judged, plan)
        if progress.epoch in snapshots.epochs_kept(plan.epochs, plan.snapshots):
            snapshots.keep(folder, progress.epoch, judged)  # before the checkpoint, so that a resumed run has them all
        checkpoint.save(folder, progress, network, optimizer, shadow, lesson=identity)
        yield ended
        if progress.stopped:
            yield StoppedEarly(lesson.index, progress.epoch, plan.patience)
    if progress.kept:
        network.load_state_dict(progress.kept)


def _epoch(
    lesson: Lesson, network: nn.Module, optimizer: Optimizer, averaged: Averaged | None, epoch: int,
    execution: Execution,
) -> Generator[Event, None, float]:  # fmt: skip
    """One epoch; returns the mean loss of its steps."""
    plan, steps = lesson.plan, lesson.steps
    network.train()
    torch.manual_seed(derived_seed(lesson.seed, "dropout", "network", lesson.index, "epoch", epoch))
    total = 0.0
    for step, batch in enumerate(lesson.batches(epoch, execution.workers)):
        factor = rate_at(plan.schedule, step_index=epoch * steps + step, steps=plan.epochs * steps, warmup=plan.warmup)
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * factor
        loss = lesson.loss(network, batch, epoch, step, execution)
        total += _descend(loss, network, optimizer, plan.gradient_clip)
        if averaged is not None:
            averaged.update(network, epoch * steps + step)
        yield StepEnded(lesson.index, epoch + 1, step + 1, steps)
    return total / steps


def _descend(loss: Tensor, network: nn.Module, optimizer: Optimizer, clip: float) -> float:
    value = _finite(float(loss.detach()), "training")
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if clip:
        nn.utils.clip_grad_norm_(network.parameters(), clip)
    optimizer.step()
    return value


def _measured(found: tuple[float, float] | None) -> tuple[float, float]:
    """Loss and figure, NaN where there was nothing to measure on; no diverged weights are ever kept."""
    return (float("nan"), float("nan")) if found is None else (_finite(found[0], "tuning"), found[1])


def _finite(loss: float, whose: str) -> float:
    if not np.isfinite(loss):
        raise InputError(
            f"the {whose} loss became {loss}: lower training.learning_rate (try a tenth), or look for extreme voxels"
        )
    return loss


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
