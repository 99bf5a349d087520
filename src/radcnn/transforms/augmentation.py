"""An Augmentation: which random transforms, with which settings, in which order; plain JSON and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from radcnn.core.catalogue import did_you_mean, look_up
from radcnn.core.errors import SettingsError
from radcnn.core.settings import from_plain, to_plain
from radcnn.transforms.catalogue import TRANSFORMS
from radcnn.transforms.drawing import Transform
from radcnn.transforms.steps import PaddingMode


@dataclass(frozen=True)
class Augmentation:
    """Random transforms of a batch, applied in this order; spatial ones first, composed into one resampling.

    transforms  instances of the classes in TRANSFORMS
    padding     what lies outside the image: its "border" continued, or "zeros"
    spacing_mm  distance of the voxels of a prepared array, so that rotations are rigid where it is anisotropic

    >>> from radcnn.transforms.spatial import Rotate
    >>> Augmentation((Rotate(degrees=5),)).as_json()["transforms"]
    [{'rotate': {'degrees': 5, 'out_of_plane_degrees': None, 'p': 1.0}}]
    """

    transforms: tuple[Transform, ...] = ()
    padding: PaddingMode = "border"
    spacing_mm: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for transform in self.transforms:
            name_of(transform)
        if self.padding not in get_args(PaddingMode):
            raise SettingsError(f"padding of an augmentation must be border or zeros, got {self.padding!r}")
        spacing = self.spacing_mm
        if spacing is not None and not (len(spacing) in (2, 3) and all(math.isfinite(s) and s > 0 for s in spacing)):
            raise SettingsError(f"spacing_mm of an augmentation must be 2 or 3 positive numbers, got {spacing}")

    def as_json(self) -> dict[str, Any]:
        """Plain JSON: {"transforms": [{name: settings}, ...], "padding": ..., "spacing_mm": ...}."""
        return {
            "transforms": [{name_of(transform): to_plain(transform)} for transform in self.transforms],
            "padding": self.padding,
            "spacing_mm": to_plain(self.spacing_mm),
        }

    @classmethod
    def from_json(cls, plain: Any) -> Augmentation:
        """Read what `as_json` gave, or a person wrote; strict.

        Settings that are not named keep their defaults; a bare name ("rotate") takes all of them. Raises SettingsError
        with "did you mean" for unknown names.
        """
        if not isinstance(plain, Mapping):
            raise SettingsError(f"augmentation must be a mapping, got {type(plain).__name__}")
        known = ("transforms", "padding", "spacing_mm")
        for name in plain:
            if name not in known:
                raise SettingsError(f"augmentation has no setting {name!r}: {did_you_mean(str(name), known)}")
        rest = {name: value for name, value in plain.items() if name != "transforms"}
        outer = from_plain(_Outer, rest, "augmentation")
        listed = plain.get("transforms", [])
        if not isinstance(listed, (list, tuple)):
            raise SettingsError(f"transforms of augmentation must be a list, got {type(listed).__name__}")
        return cls(tuple(_transform(entry) for entry in listed), outer.padding, outer.spacing_mm)


@dataclass(frozen=True)
class _Outer:
    """The settings beside the list of transforms."""

    padding: PaddingMode = "border"
    spacing_mm: tuple[float, ...] | None = None


def name_of(transform: Transform) -> str:
    """The name of a transform in the catalogue."""
    for name, kind in TRANSFORMS.items():
        if type(transform) is kind:
            return name
    raise SettingsError(f"{type(transform).__name__} is not in the catalogue of transforms ({', '.join(TRANSFORMS)})")


def _transform(entry: Any) -> Transform:
    if isinstance(entry, str):
        entry = {entry: {}}
    if not isinstance(entry, Mapping) or len(entry) != 1:
        raise SettingsError(f"each transform must be a name, or one name with its settings, got {entry!r}")
    name, settings = next(iter(entry.items()))
    kind = look_up(TRANSFORMS, str(name), "transform")
    return from_plain(kind, {} if settings is None else settings, f"transform {name}")
