"""Which cases are looked into, what was answered to them, and what their maps speak of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.attacks.answers import Answers
from radcnn.core.chance import generator
from radcnn.core.target import Target
from radcnn.reports.explaining.found import Outcome
from radcnn.study.explaining.asked import CALLED, Asked, outputs_of
from radcnn.study.listener import Listener
from radcnn.study.looking import LookedInto
from radcnn.study.stressing.tested import answering, answers_of

BATCH_VOXELS = 1 << 21  # of the images of one batch: a gradient keeps every layer's maps
BATCH_IMAGES = 64


@dataclass(frozen=True, eq=False)
class Chosen:
    """The cases that are looked into.

    rows      (n,) which of the cases of the run opened
    images    (n, C, *size)
    classes   (n,) the output that each map speaks of
    answered  (n,) the output that was answered; -1 where none of several labels was
    truths    (n,) the output that is the truth of each case; -1 where there is none (values, labels not present)
    answers   n texts; labels: n texts
    outcomes  n words
    patients  n pseudonyms; numbers: n numbers in the study
    rule      how they were chosen; threshold: what answers are given at
    """

    rows: NDArray[np.intp]
    images: Tensor
    classes: Tensor
    answered: Tensor
    truths: Tensor
    answers: tuple[str, ...]
    labels: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    patients: tuple[str, ...]
    numbers: tuple[int, ...]
    rule: str
    threshold: str


def batches(images: Tensor) -> tuple[Tensor, ...]:
    """Rows in batches whose gradients fit into memory; the same on every machine."""
    size = max(1, min(BATCH_IMAGES, BATCH_VOXELS // images[0].numel()))
    return torch.arange(len(images)).split(size)


def choose(looked: LookedInto, wanted: Asked, *, named: bool, listener: Listener) -> Chosen:
    """The cases that were named, or some of each class, right and wrong; with what was answered to them."""
    target, images = looked.bundle.target, torch.from_numpy(looked.images)
    network = answering(looked.networks, looked.bundle.views, dims=looked.plan.preparation.dims)
    parts = []
    with torch.no_grad():
        for part in batches(images):
            parts.append(network(images[part]))
            listener.progress("predicting", int(part[-1]) + 1, len(images))
    logits = torch.cat(parts)
    answers, threshold = (None, "") if target.kind == "regression" else answers_of(looked.bundle)
    targets = torch.from_numpy(looked.targets)
    classes = _spoken_of(logits, target, answers, wanted.of)
    outcomes = [_outcome(target, answers, logits[k], targets[k], int(classes[k])) for k in range(len(logits))]
    truths = _truths(targets, target, classes)
    kinds = [(int(truths[k]), outcomes[k]) for k in range(len(outcomes))]
    rows = np.arange(len(kinds)) if named else evenly(kinds, wanted.most, wanted.seed)
    return Chosen(
        rows=rows,
        images=images[rows],
        classes=classes[rows],
        answered=_answered(logits, classes, target, answers)[rows],
        truths=truths[rows],
        answers=tuple(_answer(looked, answers, logits[k], int(classes[k])) for k in rows),
        labels=tuple(_label(target, targets[k]) for k in rows),
        outcomes=tuple(outcomes[k] for k in rows),
        patients=tuple(looked.patients[k] for k in rows),
        numbers=tuple(looked.numbers[k] for k in rows),
        rule=_rule(len(rows), len(kinds), named=named),
        threshold=threshold or "the value itself",
    )


def evenly(kinds: list[tuple[int, Outcome]], most: int, seed: int) -> NDArray[np.intp]:
    """Rows of at most `most` cases, as many of each kind as there are, drawn by chance within a kind; in their order.

    >>> evenly([(0, "right"), (0, "right"), (0, "right"), (1, "wrong")], 2, 0).tolist()
    [1, 3]
    """
    groups: dict[tuple[int, Outcome], list[int]] = defaultdict(list)
    for row in generator(seed, "explain", "cases").permutation(len(kinds)):
        groups[kinds[row]].append(int(row))
    queues = [groups[kind] for kind in sorted(groups)]
    taken: list[int] = []
    while len(taken) < most and any(queues):
        for queue in queues:
            if queue and len(taken) < most:
                taken.append(queue.pop(0))
    return np.array(sorted(taken), dtype=np.intp)


def _rule(n: int, of: int, *, named: bool) -> str:
    if named:
        return "the cases that were named"
    if n == of:
        return f"all {of} labelled cases of this side"
    return f"{n} of {of} labelled cases of this side, as many of each class and of right and wrong answers as there are"


def _spoken_of(logits: Tensor, target: Target, answers: Answers | None, of: str) -> Tensor:
    """The output (n,) that each case's map speaks of."""
    if of != CALLED:
        return torch.full((len(logits),), outputs_of(target).index(of))
    if answers is None:
        return torch.zeros(len(logits), dtype=torch.long)
    return logits.argmax(1) if target.kind == "multilabel" else answers.answered(logits)


def _answered(logits: Tensor, classes: Tensor, target: Target, answers: Answers | None) -> Tensor:
    """The output that was answered; of several labels the one that is spoken of, where it was called."""
    if answers is None:
        return classes
    answered = answers.answered(logits)
    if target.kind != "multilabel":
        return answered
    called = answered.gather(1, classes[:, None])[:, 0] > 0
    return torch.where(called, classes, torch.tensor(-1))


def _truths(targets: Tensor, target: Target, classes: Tensor) -> Tensor:
    if target.kind == "regression":
        return torch.full((len(targets),), -1)
    if target.kind == "multilabel":  # the label that is spoken of, where the case has it
        present = targets.gather(1, classes[:, None])[:, 0] > 0.5
        return torch.where(present, classes, torch.tensor(-1))
    return targets[:, 0].long()


def _outcome(target: Target, answers: Answers | None, logits: Tensor, truth: Tensor, asked: int) -> Outcome:
    if answers is None:
        return "value"
    answered = answers.answered(logits[None])[0]
    if target.kind == "multiclass":
        return "right" if int(answered) == int(truth[0]) else "wrong"
    column = asked if target.kind == "multilabel" else 0
    said, is_so = bool(answered[column] if answered.ndim else answered), float(truth[column])
    if np.isnan(is_so):
        return "value"
    words: dict[tuple[bool, bool], Outcome] = {
        (True, True): "true positive",
        (False, False): "true negative",
        (True, False): "false positive",
        (False, True): "miss",
    }
    return words[said, is_so > 0.5]


def _answer(looked: LookedInto, answers: Answers | None, logits: Tensor, asked: int) -> str:
    """What was answered, with its probability."""
    target = looked.bundle.target
    scores = looked.task.decode(logits[None])[0]
    if answers is None:
        return f"{float(scores[asked]):.4g}"
    if target.kind == "multilabel":
        return f"{target.names[asked]} (probability {float(scores[asked]):.3f})"
    answered = int(answers.answered(logits[None])[0])
    score = float(scores[answered] if target.kind == "multiclass" else scores[0])
    of = "" if target.kind == "multiclass" else f" of {target.classes[-1]}"
    return f"{target.classes[answered]} (probability{of} {score:.3f})"


def _label(target: Target, truth: Tensor) -> str:
    if target.kind == "regression":
        return f"{float(truth[0]):.4g}"
    if target.kind == "multilabel":
        return (
            ", ".join(name for name, yes in zip(target.names, truth.tolist(), strict=True) if yes > 0.5) or "no label"
        )
    return target.classes[int(truth[0])]
