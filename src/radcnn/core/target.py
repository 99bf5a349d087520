"""What is to be predicted, in the words of the user's table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LabelKind = Literal["binary", "multiclass", "multilabel", "regression"]
Kind = LabelKind | Literal["image", "mask"]


@dataclass(frozen=True)
class Target:
    """The target of a study.

    kind     "binary", "multiclass", "multilabel" or "regression"; "image" where another image is to be
             predicted, "mask" where structures are to be outlined
    names    column names: one, or one per label of a multi-label target
    classes  names of the classes in the order of their index; the last one is the positive class of a binary target;
             empty for values and images; ("absent", "present") per label for multi-label
    """

    kind: Kind
    names: tuple[str, ...]
    classes: tuple[str, ...] = ()

    @property
    def has_values(self) -> bool:
        """Whether cases have values of their own, by which a split can be stratified."""
        return self.kind not in ("image", "mask")
