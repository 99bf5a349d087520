"""What a person says about a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from radcnn.core.case import Unit
from radcnn.core.errors import SettingsError
from radcnn.core.settings import to_plain
from radcnn.core.target import LabelKind
from radcnn.data.cohort import CohortSettings
from radcnn.data.splits import DEFAULT_FRACTIONS, Sites
from radcnn.evaluation.settings import EvaluationSettings
from radcnn.metrics.operating import parse_rule

Makes = Literal["labels", "restoration", "segmentation"]

SECTIONS = ("task", "network", "training", "preparation", "augmentation", "restoration", "segmentation")
# the others make the study
OF_A_RUN = ("minutes", "seed", "region_mm", "operating_points", "resamples", "mute", *SECTIONS)


@dataclass(frozen=True)
class StudySettings:
    """What a person says about a study; see `CohortSettings` for the columns.

    data         images: a folder, a folder per class, or an npz file
    reference    a folder of the images that those of `data` are to become, by the same names: a restoration
    simulate_dose  `data` holds full-dose CT; what is given to the network is made of it at this share of the dose
    hu           take the values of files that do not say so (NIfTI, MetaImage) for HU
    masks        where the masks of the images are: a folder, a pattern of names, an array of npz files: a segmentation
    scribbles    where masks are, of the same kinds, that training sees in the place of these
    structure    names of what is outlined, with their labels in the masks; each label is one where none is named
    segments     names of DICOM segments that are labels 1, 2, ... of the masks: of structures that were given by name
    subgroup     columns to make subgroup tables for
    minutes      budget of one run
    seed         of training; the split has a seed of its own and is made once
    fractions    shares of training, tuning and test, by patient
    sites        "stratified" keeps each site's share of a class alike on all sides
    leave_site   this site becomes the test side
    series, allow_gaps, voi  how DICOM is read: which series of a folder, whether gaps are filled, the VOI LUT
    region_mm    extent of the region about each centre
    operating_points  rules applied to the tuning set
    prevalences  at which PPV and NPV are also given
    task         last layer and loss, where they are to be confirmed: any but the pair of Table 2 is refused
    network, training, preparation, augmentation, restoration, segmentation  settings that overrule the proposal
    mute         codes of findings that a person accepts, each with the reason, which the report prints
    synthetic    the cases were simulated; printed wherever a figure is
    """

    data: Path
    labels: Path | None = None
    reference: Path | None = None
    simulate_dose: float | None = None
    hu: bool = False
    masks: str | None = None
    scribbles: str | None = None
    structure: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    segments: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    patient: str | None = None
    patient_from: str | None = None
    unit: Unit = "patient"
    site: str | None = None
    split: str | None = None
    image: str | None = None
    case: str | None = None
    centre: tuple[str, str, str] | None = None
    mask: str | None = None
    box: tuple[str, str, str, str] | None = None
    subgroup: tuple[str, ...] = ()
    positive: str | None = None
    kind: LabelKind | None = None
    series: str = ""
    allow_gaps: bool = False
    voi: bool = False
    region_mm: float | None = None
    minutes: float = 10.0
    seed: int = 0
    split_seed: int = 0
    fractions: tuple[float, float, float] = DEFAULT_FRACTIONS
    sites: Sites = "ignored"
    leave_site: str | None = None
    operating_points: tuple[str, ...] = ("youden", "sensitivity>=0.95", "specificity>=0.95")
    prevalences: tuple[float, ...] = ()
    resamples: int = 2000
    task: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    preparation: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Mapping[str, Any] | None = None
    restoration: Mapping[str, Any] = field(default_factory=dict)
    segmentation: Mapping[str, Any] = field(default_factory=dict)
    mute: Mapping[str, str] = field(default_factory=dict)
    synthetic: bool = False

    def __post_init__(self) -> None:
        if not self.minutes > 0:
            raise SettingsError(f"minutes must be positive, got {self.minutes:g}; 10 is a good start")
        for rule in self.operating_points:
            parse_rule(rule)
        # refused here, not when the trained network is judged
        EvaluationSettings(resamples=self.resamples, prevalences=self.prevalences)
        shown = (*self.subgroup, *self.target, self.site, self.split, *(self.centre or ()), *(self.box or ()))
        if self.patient is not None and self.patient in shown:
            raise SettingsError(
                f"column {self.patient!r} names the patient, so it cannot be a target, site, subgroup, split, "
                "centre or box, whose cells are shown on the report or in messages; choose another column"
            )
        if self.region_mm is not None and self.centre is None:
            raise SettingsError(
                "region_mm is the extent about each centre, but no centre was given; name its columns (--centre X Y Z)"
            )
        if self.restores:
            self._check_restoration()
        elif self.outlines:
            self._refuse_labels("a segmentation, whose target is a mask", "preparation")
        self._refuse_sections_of_others()
        if self.region_mm is not None and not self.region_mm > 0:
            raise SettingsError(f"region_mm must be positive, got {self.region_mm:g}")

    def _check_restoration(self) -> None:
        """Raise SettingsError where something is asked of a restoration that it does not have."""
        if self.reference is not None and self.simulate_dose is not None:
            raise SettingsError(
                "what is given is another folder's images (target) or made at a lower dose (simulate_dose), not both"
            )
        if self.simulate_dose is not None and not 0 < self.simulate_dose < 1:
            raise SettingsError(f"simulate_dose must lie between 0 and 1, got {self.simulate_dose:g}")
        if self.masks is not None:
            raise SettingsError("masks are to be outlined, and a restoration makes images; take one of both")
        self._refuse_labels("a restoration, whose target is an image", "preparation", "augmentation")

    def _refuse_labels(self, what: str, *more: str) -> None:
        """Raise SettingsError for what speaks of labels of whole images."""
        for name in ("labels", "target", "positive", "kind", "region_mm", "task", *more):
            if getattr(self, name):
                raise SettingsError(f"{name} says nothing of {what}; leave it out")

    def _refuse_sections_of_others(self) -> None:
        """Raise SettingsError for what only another kind of study has."""
        if not self.restores and (self.restoration or (self.hu and not self.outlines)):
            name = "restoration" if self.restoration else "hu"
            raise SettingsError(
                f"{name} is for images that are to become others; give --target FOLDER or --simulate-dose SHARE, or "
                "leave it out"
            )
        if not self.outlines and (self.segmentation or self.structure or self.segments or self.scribbles):
            name = "segmentation" if self.segmentation else "structure" if self.structure else "scribbles"
            raise SettingsError(f"{name} is for images with masks; give --masks FOLDER_OR_PATTERN, or leave it out")

        if self.makes != "labels" and self.training.get("adversarial") is not None:
            raise SettingsError(
                f"training against attacks needs answers that can be turned, and a {self.makes} has none; leave "
                "training.adversarial out"
            )

    @property
    def makes(self) -> Makes:
        """What the networks make of an image: labels or values, another image, or masks."""
        return "restoration" if self.restores else "segmentation" if self.outlines else "labels"

    @property
    def outlines(self) -> bool:
        """Whether structures are to be outlined."""
        return self.masks is not None

    @property
    def restores(self) -> bool:
        """Whether another image is to be predicted."""
        return self.reference is not None or self.simulate_dose is not None

    def cohort(self) -> CohortSettings:
        """What the data room needs of it."""
        names = {f.name for f in fields(CohortSettings)} - {"path", "subgroups"}
        given = {name: getattr(self, name) for name in names}
        return CohortSettings(path=self.data, subgroups=self.subgroup, **given)

    def asked(self) -> dict[str, Mapping[str, Any]]:
        """The sections that overrule the proposal."""
        return {name: getattr(self, name) for name in SECTIONS if getattr(self, name)}

    def differing(self) -> dict[str, Any]:
        """The settings that differ from their defaults, as plain values; `data` always."""
        default = StudySettings(data=self.data)
        plain = to_plain(self)
        kept = {f.name: plain[f.name] for f in fields(self) if getattr(self, f.name) != getattr(default, f.name)}
        return {"data": str(self.data), **kept}
