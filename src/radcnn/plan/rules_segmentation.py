"""Rules for a segmentation: on which grid, in slices or volumes, which network, which patches, and for how long.

The published rules of nnU-Net (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z) are the reference; what minutes on
a few cores change is said with each reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from radcnn.core.errors import SettingsError
from radcnn.core.settings import changed, to_plain
from radcnn.data.prepared.masked import NEARLY
from radcnn.networks.layers import Dims
from radcnn.plan.rules_patches import (
    SIDES,
    affordable_steps,
    asked_network,
    flat_levels,
    grid_spacing,
    network_and_patch,
)
from radcnn.plan.rules_training import averaging_rule
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.segmentation_facts import SegmentationFacts
from radcnn.plan.settings import NetworkPlan, Precision, Reason, TrainingPlan
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.drawing import Transform
from radcnn.transforms.elastic import Elastic
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.noise import Noise
from radcnn.transforms.spatial import Flip, Rotate, Scale, Translate
from radcnn.transforms.tones import Brightness, Contrast, Gamma

THICK = 3.0  # times as long as wide: such voxels are looked at slice by slice
FEW_SLICES = 24  # of volumes, where their spacing is unknown, that are taken for thick
BATCH: Mapping[int, int] = {2: 8, 3: 2}
EPOCHS = 25  # times that the tuning patches are looked at
RATE = 1e-3
MANY_CELLS = 10  # parts of a structure in a usual 2D mask, from which on it is a tissue of cells
BENT = Elastic(points=5, sd=0.02, p=0.5)


def propose_segmentation(facts: SegmentationFacts) -> SegmentationPlan:
    """The plan for these facts; whatever was asked for takes the place of the rule's value, and says so.

    Raises SettingsError for an unknown setting ("did you mean") or a value that does not fit.
    """
    asked = dict(facts.asked.get("segmentation", {}))
    network, implied = asked_network(facts)
    if implied is not None:
        asked.setdefault("dims", implied)
    dims, neighbours, why_dims = _dims(facts, asked.get("dims"))
    spacing, why_spacing = _spacing(facts, dims)
    intensity, why_intensity = _intensity(facts)
    unlabelled = asked.get("unlabelled", facts.masks.unlabelled)
    structures, why_structures = _structures(facts, unlabelled)
    cells, why_cells = _cells(facts, structures)
    taught = facts.asked.get("training", {})
    batch = int(taught.get("batch", BATCH[dims]))
    many = {name: taught[name] for name in ("members", "folds") if name in taught}
    first = SegmentationPlan(
        NetworkPlan("modern_unet"),
        changed(TrainingPlan(epochs=1, batch=batch, precision=_precision(facts)), many, "training"), structures,
        (SIDES[dims][-1],) * dims, dims, unlabelled, facts.fingerprint.channels, neighbours, spacing,
        intensity, cells=cells, plane=facts.masks.plane, units=facts.units, seed=facts.seed,
    )  # fmt: skip
    first = changed(first, {k: v for k, v in asked.items() if k not in ("steps", "patch")}, "segmentation")
    _check_spacing(facts, first)
    augmentation, why_augmentation = _augmentation(facts, first)
    first = first if "augmentation" in asked else replace(first, augmentation=augmentation)
    if first.cells and facts.fingerprint.rank == 3:
        raise SettingsError("segmentation.cells are parted in planes, and these images are volumes; leave it out")
    chosen, why_network = network_and_patch(facts, first, network, asked.get("patch"))
    steps = affordable_steps(facts, chosen)
    training, why_training = _training(facts, batch, steps)
    each = int(asked.get("steps", max(1, steps // training.epochs)))
    said = {
        "segmentation.structures": (", ".join(one.name for one in structures), why_structures),
        "segmentation.dims": (str(chosen.dims), why_dims),
        "segmentation.plane": (
            chosen.plane,
            "that of most training images' slices" if facts.fingerprint.rank == 3 else "images have one slice",
        ),
        "segmentation.spacing_mm": (_in_words(chosen.spacing_mm), why_spacing),
        "segmentation.intensity": (chosen.intensity.kind, why_intensity),
        "segmentation.patch": (" x ".join(map(str, chosen.patch)), why_network),
        "segmentation.loss": (chosen.loss, "voxels and whole structures: small ones count as large ones do"),
        "segmentation.cells": (", ".join(chosen.cells) or "none", why_cells),
        "segmentation.within": (chosen.within or "none", "one network for all structures"),
        "segmentation.steps": (str(each), f"{training.epochs} looks at the tuning patches"),
    }
    reasons = [
        Reason(name, value, "asked for", "study") if name.partition(".")[2] in asked else Reason(name, value, sentence)
        for name, (value, sentence) in said.items()
    ]
    kernels = chosen.network.options.get("kernels")
    about = Reason(
        "network", f"{chosen.network.name}, {kernels} kernels" if kernels else chosen.network.name, why_network
    )
    return replace(chosen, training=training, steps=each, reasons=(*reasons, about, *why_augmentation, *why_training))


def _precision(facts: SegmentationFacts) -> Precision:
    asked: Precision = facts.asked.get("training", {}).get("precision", facts.precision)
    return asked


def _structures(facts: SegmentationFacts, unlabelled: int | None) -> tuple[tuple[Structure, ...], str]:
    if facts.structures:
        return tuple(Structure(name, labels) for name, labels in facts.structures.items()), "named in the study"
    found = facts.masks.labels(unlabelled)
    return tuple(Structure(f"label {k}", (k,)) for k in found), "every label that training masks hold"


def _cells(facts: SegmentationFacts, structures: Sequence[Structure]) -> tuple[tuple[str, ...], str]:
    """Structures of which a 2D mask usually shows many parts."""
    parts = facts.masks.parts
    found = {one.name: max(parts.get(str(label), 0) for label in one.labels) for one in structures}
    many = {name: count for name, count in found.items() if count >= MANY_CELLS}
    if not many:
        return (), f"no structure of 2D masks usually has {MANY_CELLS} parts or more"
    counts = ", ".join(f"{count:g} parts of {name}" for name, count in many.items())
    return tuple(many), f"{counts} in a usual mask: whether they are kept apart is judged, too"


def _dims(facts: SegmentationFacts, asked: int | None) -> tuple[Dims, int, str]:
    """Slices or volumes, and how many slices a network of slices sees beside the one it labels."""
    found = facts.fingerprint
    if found.rank == 2:
        if asked == 3:
            raise SettingsError("segmentation.dims 3 looks at volumes, but the images are 2D; leave it out")
        return 2, 0, "the images are 2D"
    thick = facts.size[0] < FEW_SLICES
    if facts.spacing is not None:
        slices, *plane = facts.spacing.median
        thick = slices >= THICK * min(plane)
    if asked is not None:
        return (3, 0, "asked for") if asked == 3 else (2, 0 if thick else 1, "asked for")
    if thick:
        return 2, 0, "slices are thick: what lies in the next one is another anatomy"
    return 3, 0, "voxels are about as long as wide, so that all directions say something"


def _spacing(facts: SegmentationFacts, dims: Dims) -> tuple[tuple[float, ...] | None, str]:
    """The median spacing, to which images that differ are brought; networks of slices leave slices where they are."""
    found = facts.spacing
    if found is None:
        return None, "spacings are unknown, so that nothing can be brought to one"
    low, middle, high = (one[-dims:] for one in (found.minimum, found.median, found.maximum))
    same = all(b - a <= NEARLY * m for a, m, b in zip(low, middle, high, strict=True))
    why = "that of all images; others are brought to it" if same else "the median: structures have one size in voxels"
    if dims == 3 or facts.fingerprint.rank == 2:
        return tuple(middle), why
    return (0.0, *middle), f"{why}; slices stay where they are"


def _check_spacing(facts: SegmentationFacts, plan: SegmentationPlan) -> None:
    """Raise SettingsError where a spacing has not a number for each axis."""
    asked = plan.spacing_mm
    if asked is not None and (len(asked) != len(facts.size) or not all(math.isfinite(mm) and mm >= 0 for mm in asked)):
        raise SettingsError(
            f"segmentation.spacing_mm needs {len(facts.size)} numbers, slices first, 0 where an axis stays as it is; "
            f"got {', '.join(f'{mm:g}' for mm in asked)}"
        )


def _in_words(spacing: tuple[float, ...] | None) -> str:
    if spacing is None:
        return "each image's own"
    return " x ".join(f"{mm:g}" if mm else "own" for mm in spacing)


def _intensity(facts: SegmentationFacts) -> tuple[Intensity, str]:
    """HU about the structures keep their meaning, stored bytes are scaled, arbitrary units standardised."""
    found = facts.fingerprint
    if facts.units == "HU":
        low, high = facts.masks.low, max(facts.masks.high, facts.masks.low + 1)
        return Intensity("window", low, high), f"HU of structures, {low:g} to {high:g}, become 0 to 1 in every scan"
    if found.stored_uint8:
        return Intensity("range", 0.0, 255.0), "8-bit levels, scaled alike in every image"
    return Intensity("zscore"), "arbitrary units: each image is brought to mean 0 and standard deviation 1"


def _augmentation(facts: SegmentationFacts, plan: SegmentationPlan) -> tuple[Augmentation, tuple[Reason, ...]]:
    """Motions, and grey values where they carry no units; a side stays a side, but in a tissue of cells."""
    if plan.cells:
        moves: list[Transform] = [
            Flip(laterality="free", axes=(-1, -2)),
            Rotate(degrees=180.0),
            Scale(factor=(0.85, 1.18)),
            BENT,
        ]
        said = [
            Reason("augmentation.flip", "both axes", "cells lie in all directions"),
            Reason("augmentation.motion", "any rotation, scale 0.85-1.18, bent", "so do their shapes vary"),
        ]
    else:
        thick = plan.dims == 3 and flat_levels(facts, plan.spacing_mm) > 0  # a slice would be blurred into the next
        moves = [
            Rotate(degrees=15.0, out_of_plane_degrees=0.0 if thick else None),
            Scale(factor=(0.8, 1.25)),
            Translate(fraction=0.05),
        ]
        said = [
            Reason("augmentation.flip", "none", "left and right matter, and structures may be told by their side"),
            Reason(
                "augmentation.motion", "rotation 15 degrees, scale 0.8-1.25, shift 5 %", "patients are not placed alike"
            ),
        ]
    if facts.units == "HU":
        tones: list[Transform] = [Noise(sd=0.03, p=0.5)]
        said.append(Reason("augmentation.tones", "noise only", "HU have a fixed scale; scanners differ in noise"))
    else:
        tones = [Brightness(shift=0.15), Contrast(factor=(0.7, 1.4)), Gamma(), Noise(sd=0.1, p=0.3)]
        said.append(Reason("augmentation.tones", "brightness, contrast, gamma, noise", "scanners set their own levels"))
    known = grid_spacing(facts, plan.spacing_mm)
    return Augmentation((*moves, *tones), "border", None if known is None else known[-plan.dims :]), tuple(said)


def _training(facts: SegmentationFacts, batch: int, steps: int) -> tuple[TrainingPlan, tuple[Reason, ...]]:
    asked = facts.asked.get("training", {})
    averaging, why_averaging = averaging_rule(steps)
    proposed = TrainingPlan(
        epochs=EPOCHS, batch=batch, optimizer="adamw", learning_rate=RATE, weight_decay=0.01, averaging=averaging,
        gradient_clip=1.0, keep="last", precision=facts.precision,
    )  # fmt: skip
    made = changed(proposed, asked, "training")
    reasons = (
        Reason("training.epochs", str(EPOCHS), f"{steps} steps in about {facts.seconds / 60:.1f} minutes"),
        Reason("training.batch", str(batch), "patches of several images at once"),
        Reason("training.learning_rate", f"{RATE:g}", "falls to 0 along a cosine"),
        why_averaging,
    )
    said = {f"training.{name}" for name in asked}
    kept = tuple(reason for reason in reasons if reason.setting not in said)
    plain = to_plain(made)
    return made, (*kept, *(Reason(f"training.{n}", str(plain[n]), "asked for", "study") for n in asked))
