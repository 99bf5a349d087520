"""A lesson of whole cases with targets: classification and regression."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radcnn.attacks.hardening import against_loss
from radcnn.core.chance import torch_generator
from radcnn.core.files import sha256_of_json
from radcnn.core.settings import to_plain
from radcnn.learning.batches import Cases, shuffled, steps_of, training_batches
from radcnn.learning.execution import Execution, logits_of, training_logits
from radcnn.learning.lesson import Measured
from radcnn.learning.mixing import mix
from radcnn.learning.settling import settle
from radcnn.plan.adversarial import Adversarial
from radcnn.plan.settings import TrainingPlan
from radcnn.tasks import Task
from radcnn.transforms.pipeline import Pipeline

AUXILIARY = 0.3  # weight of the loss of each auxiliary head: Szegedy et al. 2015, section 5


@dataclass(frozen=True, eq=False)
class CaseLesson:
    """What one network learns from; a `learning.lesson.Lesson`.

    index    which network of the run (member or fold)
    cases    prepared cases of the development sides
    training, tuning  rows of `cases`
    epsilon  (N,) how far attacks may change each case, in its prepared values; None where none are trained against
    """

    index: int
    cases: Cases
    training: NDArray[np.intp]
    tuning: NDArray[np.intp]
    task: Task
    pipeline: Pipeline
    plan: TrainingPlan
    seed: int
    epsilon: NDArray[np.float32] | None = None

    @property
    def steps(self) -> int:
        return steps_of(len(self.training), self.plan.batch)

    def identity(self) -> str:
        said = {
            "index": self.index,
            "seed": self.seed,
            "plan": to_plain(self.plan),
            "augmentation": to_plain(self.pipeline.augmentation),
            "training": self.training.tolist(),
            "tuning": self.tuning.tolist(),
            "cases": self.cases.digest,
        }
        if self.epsilon is not None:
            said["epsilon"] = hashlib.sha256(self.epsilon.tobytes()).hexdigest()
        return sha256_of_json(said)

    def batches(self, epoch: int, workers: int) -> Iterator[tuple[Tensor, Tensor]]:
        return training_batches(
            self.cases, self.training, self.pipeline,
            batch=self.plan.batch, seed=self.seed, path=self._path(epoch), workers=workers,
        )  # fmt: skip

    def loss(
        self, network: nn.Module, batch: tuple[Tensor, Tensor], epoch: int, step: int, execution: Execution
    ) -> Tensor:
        stream = torch_generator(self.seed, "mixing", *self._path(epoch), step)
        images, pairs = mix(*batch, self.plan.mixup, stream)
        if self.plan.adversarial is not None:
            images, pairs = self._attacked(network, images, pairs, self.plan.adversarial, epoch, step, execution)
        logits, *auxiliary = training_logits(network, images, execution)
        loss = self._mixed_loss(logits, pairs)
        for others in auxiliary:
            loss = loss + AUXILIARY * self._mixed_loss(others, pairs)
        return loss

    def _attacked(
        self, network: nn.Module, images: Tensor, pairs: list[tuple[float, Tensor]], attacks: Adversarial, epoch: int,
        step: int, execution: Execution,
    ) -> tuple[Tensor, list[tuple[float, Tensor]]]:  # fmt: skip
        """The batch as attacks make it worse: alone, or behind the batch as it is, so that both weigh alike.

        The loss that is learned by is attacked, in training mode as it is learned in. A mixture of two images (mixup)
        has the budget of the one it holds more of.
        """
        assert self.epsilon is not None, "who trains against attacks says how far they may go"
        rows = self.training[
            shuffled(len(self.training), self.plan.batch, seed=self.seed, path=self._path(epoch))[step]
        ]
        worse = against_loss(
            lambda x: self._mixed_loss(training_logits(network, x, execution)[0], pairs),
            images,
            epsilon=torch.from_numpy(self.epsilon[rows]),
            attack=attacks.attack,
            steps=attacks.steps,
            stream=torch_generator(self.seed, "adversarial", *self._path(epoch), step),
        )
        if not attacks.mixed:
            return worse, pairs
        return torch.cat([images, worse]), [(share, torch.cat([truth, truth])) for share, truth in pairs]

    def settle(self, network: nn.Module, execution: Execution) -> None:
        settle(network, self.cases, self.training, execution)

    def measure(self, network: nn.Module, which: Measured, execution: Execution) -> tuple[float, float] | None:
        return self.measure_rows(network, self.tuning if which == "tuning" else self.fit_rows(), execution)

    @torch.no_grad()
    def measure_rows(
        self, network: nn.Module, rows: NDArray[np.intp], execution: Execution
    ) -> tuple[float, float] | None:
        """Loss and watched figure of a network on rows of the cases, as at prediction; None for no rows."""
        if len(rows) == 0:
            return None
        network.eval()
        parts = np.array_split(rows, -(-len(rows) // (2 * self.plan.batch)))
        logits = torch.cat([logits_of(network, self.cases.batch(part)[0], execution).cpu() for part in parts])
        targets = self.cases.targets[rows]
        loss = self.task.loss(logits, torch.from_numpy(targets).to(logits.dtype), class_weights=None, smoothing=0.0)
        return float(loss), self.task.monitor(self.task.decode(logits), targets)

    def fit_rows(self) -> NDArray[np.intp]:
        """Training rows, evenly spaced, as many as there are tuning rows: where the fit is measured."""
        count = min(len(self.training), max(1, len(self.tuning)))
        return self.training[np.linspace(0, len(self.training) - 1, count).round().astype(np.intp)]

    def _path(self, epoch: int) -> tuple[str | int, ...]:
        return "network", self.index, "epoch", epoch

    @cached_property
    def _balance(self) -> Tensor | None:
        """Weights of the classes, where they are to count alike."""
        return self.task.class_weights(self.cases.targets[self.training]) if self.plan.balance else None

    def _mixed_loss(self, logits: Tensor, pairs: list[tuple[float, Tensor]]) -> Tensor:
        """The loss of logits against (share, targets) pairs that add up."""
        smoothing, device = self.plan.label_smoothing, logits.device
        balance = None if self._balance is None else self._balance.to(device)
        loss = sum(
            share * self.task.loss(logits, truth.to(device), class_weights=balance, smoothing=smoothing)
            for share, truth in pairs
        )
        assert isinstance(loss, Tensor)
        return loss
