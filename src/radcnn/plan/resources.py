"""What a training will need of a machine: minutes, memory and disk, counted from the plan before anything is computed.

Memory is the most that the process holds at one time (its resident set): the libraries, the prepared cases that are
mapped from the disk, unpacked stacks of npz files, and the larger of two moments: a training step, with the
activations kept for the backward pass, or the writing of a checkpoint, which holds every tensor several times. The
factors were fitted to measured processes (docs/decisions/0009-predicted-cost.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from radcnn.plan.cost import Cost, cost_of
from radcnn.plan.settings import Plan
from radcnn.transforms.preparation import Preparation

FLOAT = 4  # bytes
MIB = 1 << 20
LIBRARIES = 320 * MIB  # torch, numpy, scipy and the rest, once loaded and used
MOMENTS = {"sgd": 0, "momentum": 1, "rmsprop": 1, "adam": 2, "adamw": 2}  # tensors an optimizer keeps per weight
IN_PASSING = 2  # further copies of the weights during a step: updates of all tensors at once
WRITING = 4  # further copies of what a checkpoint holds while it is written: clones, bytes of each, bytes of all
ACTIVATIONS = 1.8  # memory of a step over its activations: their gradients, less what is computed in place
WORK_SPACE = {2: 0, 3: 128 * MIB}  # of convolutions in 3D, which are unfolded
READING = 3  # copies of an image while it is read and prepared
STARTING = 8.0  # seconds until the first step: libraries, table, split
STEP = 3e-3  # seconds of a step beside its arithmetic ...
PER_WEIGHT = 4e-9  # ... and of updating and averaging each weight
AUGMENTING = 60e-9  # seconds of one core per voxel that is augmented
WRITTEN = 150 * MIB  # bytes of a checkpoint cloned, hashed and written in a second
LINE, PALETTE = 192, 1024  # bytes beside a prepared case's voxels: in the index, with padding; the values of its codes
SMALL_FILES = 2 * MIB  # plan, history, predictions, judgements, report


@dataclass(frozen=True)
class Resources:
    """What a training needs.

    memory_bytes    the most that the process holds; `mapped_bytes` of it the system may take back at any time
    prepared_bytes  of prepared cases on the disk, `ready_bytes` of them there already
    kept_bytes      of checkpoints, bundle and small files
    passing_bytes   of the checkpoint that is written while the one before it is still there
    """

    minutes: float
    memory_bytes: int
    mapped_bytes: int
    prepared_bytes: int
    kept_bytes: int
    passing_bytes: int
    ready_bytes: int = 0

    @property
    def disk_bytes(self) -> int:
        """What is on the disk afterwards: prepared cases and what a run leaves."""
        return self.prepared_bytes + self.kept_bytes


@dataclass(frozen=True)
class Load:
    """What the plan is applied to: cases with a label on each side, and what their images take.

    image_bytes   of the largest image as float32, whole
    stored_bytes  of npz stacks, which are unpacked whole; 0 for files of one image
    native        whether every image is of 8 bits and prepared at its own size, so that codes of 8 bits hold it
    ready, ready_bytes  cases that are prepared already, and what they take on the disk
    """

    training: int
    tuning: int
    test: int
    image_bytes: int = 0
    stored_bytes: int = 0
    native: bool = False
    ready: int = 0
    ready_bytes: int = 0


def resources(plan: Plan, load: Load, *, outputs: int, cores: int) -> Resources:
    """What training this plan needs on so many cores."""
    cost = cost_of(plan.network, plan.preparation, outputs)
    development = load.training + load.tuning
    cases = development + load.test
    prepared = load.ready_bytes + prepared_case(plan.preparation, native=load.native) * (cases - load.ready)
    networks = plan.training.networks
    weights = FLOAT * cost.weights
    copies = _copies(plan)
    checkpoint = copies * weights
    mapped = prepared * development // max(1, cases)
    attacks = plan.training.adversarial
    batch = plan.training.batch * (2 if attacks is not None and attacks.mixed else 1)
    activations = FLOAT * cost.activations * batch
    step = (copies + 1 + IN_PASSING) * weights + round(ACTIVATIONS * activations) + WORK_SPACE[cost.dims]
    writing = (copies + 1 + WRITING * copies) * weights
    others = 2 * weights * (networks - 1)  # networks that are done, with their last gradients
    reading = READING * cores * load.image_bytes
    held = LIBRARIES + load.stored_bytes + max(step + others, writing + others, reading)
    return Resources(
        minutes=_minutes(plan, cost, load, checkpoint, cores),
        memory_bytes=held + mapped,
        mapped_bytes=mapped,
        prepared_bytes=prepared,
        kept_bytes=networks * (checkpoint + weights) + SMALL_FILES,
        passing_bytes=checkpoint,
        ready_bytes=load.ready_bytes,
    )


def prepared_case(preparation: Preparation, *, native: bool) -> int:
    """Bytes of a prepared case on the disk, at most: float32, or codes of 8 bits and the values they stand for."""
    voxels, mapped = preparation.channels * prod(preparation.size), preparation.intensity
    bounded = mapped.kind in ("range", "window") and None not in (mapped.low, mapped.high)
    alike = bounded or mapped.kind == "keep"
    return LINE + (min(FLOAT * voxels, voxels + (0 if alike else PALETTE)) if native else FLOAT * voxels)


def _copies(plan: Plan) -> int:
    """How often a checkpoint holds the weights: as trained, as kept, averaged, and the moments of the optimizer."""
    return 2 + bool(plan.training.averaging) + MOMENTS[plan.training.optimizer]


def _harder(plan: Plan) -> float:
    """How many times a training step costs for the attacks that are made in it."""
    return 1.0 if plan.training.adversarial is None else plan.training.adversarial.costs


def _minutes(plan: Plan, cost: Cost, load: Load, checkpoint: int, cores: int) -> float:
    """Epochs of all networks, with what each of them costs beside its arithmetic."""
    folds = plan.training.folds
    development = load.training + load.tuning
    training = development * (folds - 1) / folds if folds else load.training
    judged = 2 * (development / folds if folds else load.tuning)  # tuning cases, and as many training cases
    steps = training / plan.training.batch
    voxels = plan.preparation.channels * prod(plan.preparation.size)
    epoch = (
        cost.training_seconds(1, cores, plan.training.precision) * training * _harder(plan)
        + cost.prediction_seconds(1, cores, plan.training.precision) * judged
        + steps * (STEP + PER_WEIGHT * cost.weights)
        + AUGMENTING * voxels * training / cores
        + checkpoint / WRITTEN
    )
    networks = plan.training.networks
    return (STARTING + networks * plan.training.epochs * epoch) / 60
