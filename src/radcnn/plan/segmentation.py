"""Every setting of a segmentation, as one frozen tree: which structures, on which grid, by which network and loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import SettingsError
from radcnn.core.volume import Units
from radcnn.networks.layers import Dims
from radcnn.plan.settings import NetworkPlan, Reason, TrainingPlan
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.orientation import Plane

Refinement = Literal["none", "graphcut", "crf"]
TERMS = ("ce", "dice", "vdice", "tversky", "focal", "boundary")
FIRST_WEIGHT, SIGMA = 10.0, 5.0  # w0 and sigma (pixels) of the border map of Ronneberger et al. 2015
FOREGROUND_WITHIN = 0.6  # share of patches about a labelled voxel, of the second network of a cascade
ZSCORE = Intensity("zscore")


@dataclass(frozen=True)
class Structure:
    """Something that is to be outlined.

    name    in reports and files
    labels  numbers in masks that belong to it: one, or several that make up a region
    """

    name: str
    labels: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.labels or 0 in self.labels:
            raise SettingsError(f"structure {self.name!r} needs labels, none of them 0, which is background")


@dataclass(frozen=True)
class SegmentationPlan:
    """Everything that decides the numbers of a segmentation, besides the images.

    network, dims  a network of IMAGE_NETWORKS; 2 looks at slices, 3 at volumes
    structures  what is outlined; where they share labels, each voxel may belong to several (regions)
    unlabelled  the number in masks that says "nobody looked here": such voxels take no part
    channels    of the images
    neighbours  slices on each side that a network of slices sees beside the one it labels ("2.5D")
    plane       of the slices, where the place in the patient is known: axial, sagittal or coronal
    spacing_mm  of the grid that images are resampled to, slices first, 0 where an axis stays as it is; None: all do
    intensity   how values are mapped, image by image
    patch       voxels per axis that are learned from at once
    foreground  share of patches that lie about a labelled voxel, each structure as often as the others
    steps       batches of an epoch
    loss        terms that are added, such as "dice+ce": see `TERMS`
    border      w0 of U-Net's map of weights, by which narrow gaps between cells count more; 0: none
    overlap     of windows at prediction, a share of the patch
    refine      how what the network says is brought to the image's edges; kept where the tuning set says that it helps
    refined     settings of that, found on the tuning set: see `inference.refining`; none: it does not help
    refined_within  the same of the second network of a cascade
    within      a structure that holds all others: one network outlines it, a second one the others, in it alone
    region      labels beyond which nothing is asked: of the second network of such a cascade
    cells       structures that are a tissue of cells, parted by what is not drawn: their partition is judged, too
    largest     structures of which only the largest component is kept; chosen on the tuning set
    filled      structures whose holes are filled; chosen on the tuning set
    units       of the images
    """

    network: NetworkPlan
    training: TrainingPlan
    structures: tuple[Structure, ...]
    patch: tuple[int, ...]
    dims: Dims = 2
    unlabelled: int | None = None
    channels: int = 1
    neighbours: int = 0
    spacing_mm: tuple[float, ...] | None = None
    intensity: Intensity = ZSCORE
    augmentation: Augmentation = field(default_factory=Augmentation)
    foreground: float = 1 / 3
    steps: int = 100
    loss: str = "dice+ce"
    border: float = 0.0
    overlap: float = 0.5
    refine: Refinement = "none"
    refined: Mapping[str, float] = field(default_factory=dict)
    refined_within: Mapping[str, float] = field(default_factory=dict)
    plane: Plane = "axial"
    within: str = ""
    region: tuple[int, ...] = ()
    cells: tuple[str, ...] = ()
    largest: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    units: Units = "HU"
    seed: int = 0
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        names = [one.name for one in self.structures]
        if not names or len(set(names)) < len(names):
            raise SettingsError(f"structures need names of their own, got {', '.join(names) or 'none'}")
        if len(self.patch) != self.dims or min(self.patch) < 1:
            raise SettingsError(f"patch must be {self.dims} positive numbers, got {self.patch}")
        if self.neighbours < 0 or (self.neighbours and self.dims == 3):
            raise SettingsError(f"neighbours must be at least 0, and 0 for volumes, got {self.neighbours}")
        if self.steps < 1:
            raise SettingsError(f"steps of an epoch must be at least 1, got {self.steps}")
        for name, low, high in (("foreground", 0.0, 1.0), ("overlap", 0.0, 0.9)):
            if not low <= getattr(self, name) <= high:
                raise SettingsError(f"{name} must be {low:g} to {high:g}, got {getattr(self, name):g}")
        if not (self.border >= 0 and math.isfinite(self.border)):
            raise SettingsError(f"border must be at least 0, got {self.border:g}")
        for term in self.terms:
            if term not in TERMS:
                raise SettingsError(f"loss {term!r} is unknown: {did_you_mean(term, TERMS)}")
        if self.terms == ("boundary",):
            raise SettingsError(
                "the boundary loss says nothing of what is not there; add another, such as dice+boundary"
            )
        if self.border and self.dims == 3:
            raise SettingsError(
                "U-Net's map of weights parts cells in planes; leave segmentation.border out of volumes"
            )
        if self.cells and self.dims == 3:
            raise SettingsError("cells are parted in planes; leave segmentation.cells out of networks of volumes")
        for name in (*self.cells, *self.largest, *self.filled):
            if name not in names:
                raise SettingsError(f"structure {name!r} is unknown: {did_you_mean(name, names)}")
        if self.unlabelled is not None and any(self.unlabelled in one.labels for one in self.structures):
            raise SettingsError(f"label {self.unlabelled} cannot be a structure and mean 'nobody looked here'")
        if self.within:
            self._check_cascade(names)
        if self.refine != "none" and not all(stage.exclusive for stage in self.stages):
            raise SettingsError("a refinement gives each voxel one structure, but these share labels; take refine=none")
        self.training.refuse_adversarial("a segmentation")
        if self.training.views == "shifts":
            raise SettingsError("a segmentation is not averaged over shifts; take training.views left_right or flips")

    def _check_cascade(self, names: Sequence[str]) -> None:
        """Raise SettingsError where the structure that is to hold all others does not."""
        if self.within not in names:
            raise SettingsError(f"structure {self.within!r} is unknown: {did_you_mean(self.within, names)}")
        if len(names) < 2:
            raise SettingsError(f"nothing else is outlined within {self.within}; leave within out")
        whole = next(one for one in self.structures if one.name == self.within)
        for one in self.structures:
            if beyond := set(one.labels) - set(whole.labels):
                raise SettingsError(
                    f"structures within {self.within} must have its labels, and {one.name} has {min(beyond)}; "
                    f"say {self.within}={','.join(map(str, sorted({*whole.labels, *one.labels})))}"
                )

    @property
    def stages(self) -> tuple[SegmentationPlan, ...]:
        """The plans of the networks that look one after the other: the plan itself, or the two of a cascade.

        The second network learns and is judged within the first one's structure; most of its patches lie about what it
        outlines, which is small.
        """
        if not self.within:
            return (self,)
        whole = next(one for one in self.structures if one.name == self.within)
        others = tuple(one for one in self.structures if one.name != self.within)
        first, second = (self._stage((whole,)), self._stage(others))
        inner = max(self.foreground, FOREGROUND_WITHIN)
        return first, replace(second, region=whole.labels, foreground=inner, refined=self.refined_within)

    def _stage(self, structures: tuple[Structure, ...]) -> SegmentationPlan:
        def kept(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(name for name in names if name in {one.name for one in structures})

        return replace(
            self, structures=structures, within="", refined_within={}, cells=kept(self.cells),
            largest=kept(self.largest), filled=kept(self.filled),
        )  # fmt: skip

    @property
    def terms(self) -> tuple[str, ...]:
        """The parts of the loss."""
        return tuple(self.loss.split("+"))

    @property
    def exclusive(self) -> bool:
        """Whether a voxel belongs to one structure at most."""
        used = [label for one in self.structures for label in one.labels]
        return len(set(used)) == len(used)

    @property
    def mask_labels(self) -> Mapping[str, int] | None:
        """The label that stands for each structure in one mask of all, by name, those that hold others first.

        Of a structure that holds others a label that none of these has. None where structures share voxels otherwise,
        or where such a label is missing: then each needs a mask of its own.
        """
        whole = [one for one in self.structures if one.name == self.within]
        others = [one for one in self.structures if one.name != self.within]
        inner = {label for one in others for label in one.labels}
        if sum(len(set(one.labels)) for one in others) > len(inner):
            return None
        made = {}
        for one in whole:
            if not (own := [label for label in one.labels if label not in inner]):
                return None
            made[one.name] = own[0]
        return {**made, **{one.name: one.labels[0] for one in others}}

    @property
    def values(self) -> tuple[int, ...]:
        """The numbers that masks may hold, background first; stored masks hold their places in this list."""
        used = {label for one in self.structures for label in one.labels}
        return (0, *sorted(used))

    @property
    def outputs(self) -> int:
        """Maps of the network: background and structures, or a map for each region."""
        return len(self.structures) + (1 if self.exclusive else 0)

    @property
    def seen(self) -> int:
        """Channels that the network sees."""
        return self.channels * (1 + 2 * self.neighbours)
