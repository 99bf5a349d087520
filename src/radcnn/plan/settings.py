"""Every setting of a run as one frozen tree, written as JSON beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from radcnn.core.errors import SettingsError
from radcnn.core.settings import fields_to_plain, from_plain
from radcnn.core.target import Target
from radcnn.plan.adversarial import Adversarial
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.preparation import Preparation
from radcnn.transforms.views import ViewKind

Precision = Literal["float32", "bfloat16"]
Optimizer = Literal["sgd", "momentum", "rmsprop", "adam", "adamw"]
Schedule = Literal["constant", "step", "cosine"]
MOST_FOLDS = 20  # as the data room splits


@dataclass(frozen=True)
class NetworkPlan:
    """Which network, with which options (those of its builder in radcnn.networks)."""

    name: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskPlan:
    """Last layer and loss (Table 2), and the scale of regression targets on the training set."""

    last_layer: str
    loss: str
    scale: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class AskedTask:
    """The last layer and loss that a person asks for; only the pair of Table 2 is accepted, so they only confirm it."""

    last_layer: str | None = None
    loss: str | None = None


@dataclass(frozen=True)
class TrainingPlan:
    """How the weights are found.

    members          networks trained from different seeds and averaged
    folds            0, or k: training and tuning cases rotate in k folds and the k networks are averaged
    epochs, batch    passes over the training cases; cases per step
    optimizer        by its name in radcnn.learning.optimizers
    learning_rate    peak value; `schedule` and `warmup` (share of all steps, below 1) shape it
    weight_decay     decoupled for adamw, L2 otherwise
    averaging        decay per step of the exponential moving average of the weights; 0: no averaging
    keep             weights kept: of the "best" epoch on the tuning set, or of the "last"
    patience         epochs without a better tuning figure before stopping; 0: never early
    balance          class weights that make all classes count alike
    label_smoothing  in [0, 1)
    mixup            Beta parameter of mixing pairs of cases (Zhang et al. 2018); 0: no mixing
    gradient_clip    largest gradient norm; 0: no clipping
    precision        "bfloat16" only where a trial on this machine agreed with float32
    channels_last    memory format of the network and its batches
    views            test-time views averaged at prediction: see radcnn.transforms.views
    snapshots        epochs whose weights are kept beside the checkpoints, for radcnn explain --features; 0: none
    adversarial      attacks that are trained against; None: none. A plan without it is written as it was before
    """

    epochs: int
    batch: int
    members: int = 1
    folds: int = 0
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    schedule: Schedule = "cosine"
    warmup: float = 0.05
    weight_decay: float = 0.01
    averaging: float = 0.0
    keep: Literal["best", "last"] = "last"
    patience: int = 0
    balance: bool = False
    label_smoothing: float = 0.0
    mixup: float = 0.0
    gradient_clip: float = 1.0
    precision: Precision = "float32"
    channels_last: bool = True
    views: ViewKind = "identity"
    snapshots: int = 0
    adversarial: Adversarial | None = None

    def as_json(self) -> dict[str, Any]:
        """A JSON object; snapshots and attacks only where there are some, so that other plans keep their hash."""
        plain: dict[str, Any] = fields_to_plain(self)
        if not self.snapshots:
            del plain["snapshots"]
        if self.adversarial is None:
            del plain["adversarial"]
        return plain

    @classmethod
    def from_json(cls, value: Any) -> TrainingPlan:
        """The inverse of as_json; strict."""
        return from_plain(cls, value, "training of the plan")

    def refuse_adversarial(self, what: str) -> None:
        """Raise SettingsError where attacks are to be trained against by what has no answer to turn."""
        if self.adversarial is not None:
            raise SettingsError(
                f"training against attacks needs answers that can be turned, and {what} has none; leave "
                "training.adversarial (--adversarial) out"
            )

    @property
    def networks(self) -> int:
        """How many networks are trained and averaged: one in each fold, or the members."""
        return self.folds or self.members

    def __post_init__(self) -> None:
        self._at_least(1, "epochs", "batch", "members")
        self._at_least(0, "weight_decay", "patience", "mixup", "gradient_clip", "snapshots")
        if not self.learning_rate > 0:
            raise SettingsError(f"learning_rate of training must be positive, got {self.learning_rate:g}")
        if self.folds and not 2 <= self.folds <= MOST_FOLDS:
            raise SettingsError(f"folds of training must be 0 (none) or 2 to {MOST_FOLDS}, got {self.folds}")
        if self.folds and self.members > 1:
            raise SettingsError(f"training takes folds or members, not both: got {self.folds} and {self.members}")
        for name in ("warmup", "averaging", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise SettingsError(f"{name} of training must be at least 0 and below 1, got {getattr(self, name):g}")

    def _at_least(self, lowest: int, *names: str) -> None:
        for name in names:
            if not getattr(self, name) >= lowest:
                raise SettingsError(f"{name} of training must be at least {lowest}, got {getattr(self, name):g}")


@dataclass(frozen=True)
class Reason:
    """A proposed value and why, in one sentence; `source` is "rule", "study" or "option"."""

    setting: str
    value: str
    sentence: str
    source: Literal["rule", "study", "option"] = "rule"


@dataclass(frozen=True)
class Plan:
    """Everything that decides the numbers of a run, besides the data."""

    target: Target
    task: TaskPlan
    preparation: Preparation
    augmentation: Augmentation
    network: NetworkPlan
    training: TrainingPlan
    operating_points: tuple[str, ...] = ("youden", "sensitivity>=0.95", "specificity>=0.95")
    resamples: int = 2000
    seed: int = 0
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        if self.training.views == "rotations":
            raise SettingsError("views rotations exchange rows and columns, for networks that make images; take flips")
        if self.target.kind == "regression":
            self.training.refuse_adversarial("a regression")
