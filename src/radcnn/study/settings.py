"""study.yaml: what a person says about a study. It holds only what differs from the proposal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from radcnn.core.case import Unit
from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import SettingsError
from radcnn.core.files import write_text
from radcnn.core.plain_yaml import plain_yaml
from radcnn.core.settings import from_plain, merged, nested, to_plain
from radcnn.core.target import LabelKind
from radcnn.data.cohort import CohortSettings
from radcnn.data.findings import CODES
from radcnn.data.splits import DEFAULT_FRACTIONS, Sites
from radcnn.evaluation.settings import EvaluationSettings
from radcnn.metrics.operating import parse_rule
from radcnn.plan.settings import Reason

Makes = Literal["labels", "restoration", "segmentation"]

MAX_YAML_BYTES = 1 << 20
SECTIONS = ("task", "network", "training", "preparation", "augmentation", "restoration", "segmentation")
OF_A_RUN = (
    "minutes",
    "seed",
    "region_mm",
    "operating_points",
    "resamples",
    "mute",
    *SECTIONS,
)  # the others make the study


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


def settings_from(options: Mapping[str, Any]) -> StudySettings:
    """Settings from options by name, as a person writes them; strict, with "did you mean".

    A single target or subgroup may be given as text, a network by its name alone, a setting of a section by its
    whole name ("training.epochs": 20), and muted findings by their codes alone.
    """
    given = {str(name): value for name, value in options.items() if value is not None or "." in str(name)}
    plain = {name: value for name, value in given.items() if "." not in name}
    for name in ("target", "subgroup", "operating_points"):
        if isinstance(plain.get(name), str):
            plain[name] = [plain[name]]
    if (folder := _folder_meant(plain)) is not None:
        plain["reference"] = folder
        plain.pop("target")
        given.pop("target")
    if isinstance(plain.get("network"), str):
        plain["network"] = {"name": plain["network"]}
    if isinstance(plain.get("augmentation"), list):
        plain["augmentation"] = {"transforms": plain["augmentation"]}
    if "mute" in plain:
        plain["mute"] = muted(plain["mute"])
    if "structure" in plain:
        plain["structure"], segments = structures_from(plain["structure"])
        if segments:
            plain["segments"] = segments
    for name in given.keys() - plain.keys():
        plain = merged(plain, nested(name, given[name]))
    return from_plain(StudySettings, plain, "the study")


def _folder_meant(plain: Mapping[str, Any]) -> str | None:
    """The folder of images that a target names where there is no table; None where it names columns."""
    target, data = plain.get("target"), Path(str(plain.get("data", "")))
    if plain.get("labels") is not None or not isinstance(target, (list, tuple)) or len(target) != 1:
        return None
    named = str(target[0])
    if data.is_dir() and (Path(named).is_dir() or named.endswith("/") or "/" in named):
        return named
    return None


def structures_from(value: Any) -> tuple[dict[str, list[int]], list[str]]:
    """Structures with their labels in masks, and the names of segments that these labels are, where names were given.

    value  names with one or several numbers, or names of DICOM segments; or words such as "tumour=2,3"

    A name that belongs to more structures than others gets a higher label, so that what lies within wins where segments
    overlap; otherwise the later one does.

    >>> structures_from(["liver=1", "tumour=2,3"]), structures_from({"heart": 4})
    (({'liver': [1], 'tumour': [2, 3]}, []), ({'heart': [4]}, []))
    >>> structures_from(["tumour=Lesion*", "liver=Liver,Lesion*"])
    ({'tumour': [2], 'liver': [1, 2]}, ['Liver', 'Lesion*'])
    """
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)):
        value = {name.strip(): labels.split(",") for name, _, labels in (str(one).partition("=") for one in value)}
    if not isinstance(value, Mapping):
        raise SettingsError(f"structure must be names with labels, such as liver: 1, got {value!r}")
    said = {str(name): list(one) if isinstance(one, (list, tuple)) else [one] for name, one in value.items()}
    numbers = {name: [number for one in given if (number := _whole(one)) is not None] for name, given in said.items()}
    if not any(numbers.values()):
        return _by_name(said)
    for name, given in said.items():
        if len(numbers[name]) < len(given):
            raise SettingsError(
                f"structure {name!r} needs whole numbers, like {name}=1; give all structures by number, or all by name"
            )
    return numbers, []


def _by_name(said: Mapping[str, list[Any]]) -> tuple[dict[str, list[int]], list[str]]:
    """Structures given by names of segments, as `structures_from` answers."""
    named = {name: [str(one).strip() for one in given] for name, given in said.items()}
    for name, given in named.items():
        if not all(given):
            raise SettingsError(f"structure {name!r} needs labels, such as {name}=1, or names of segments")
    used = Counter(one for given in named.values() for one in dict.fromkeys(given))
    segments = sorted(used, key=lambda one: used[one])  # in their order, those of more structures last
    label = {one: place for place, one in enumerate(segments, start=1)}
    return {name: sorted(label[one] for one in dict.fromkeys(given)) for name, given in named.items()}, segments


def _whole(value: Any) -> int | None:
    """A whole number, or one in words; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return int(value) if isinstance(value, str) else None
    except ValueError:
        return None


def muted(value: Any) -> dict[str, str]:
    """Codes of findings with the reasons why they are accepted, from one code, a list, or codes with their reasons.

    >>> muted("RC061"), muted(["RC040", "RC061=markers are masked later"]), muted({"RC061": None})
    ({'RC061': ''}, {'RC040': '', 'RC061': 'markers are masked later'}, {'RC061': ''})
    """
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)):
        value = {code.strip(): reason.strip() for code, _, reason in (str(one).partition("=") for one in value)}
    if not isinstance(value, Mapping):
        raise SettingsError(f"mute must be codes of findings, or codes with reasons, got {value!r}")
    for code, reason in value.items():
        if code not in CODES:
            raise SettingsError(f"mute names no finding {code!r}: {did_you_mean(str(code), CODES)}")
        if not isinstance(reason, str | None):
            raise SettingsError(f"mute must give the reason for {code} in words, got {reason!r}")
    return {str(code): reason or "" for code, reason in value.items()}


def with_options(settings: StudySettings, options: Mapping[str, Any]) -> StudySettings:
    """The settings with options that beat them; sections are merged key by key."""
    given = {name: value for name, value in options.items() if value is not None}
    if "mute" in given:
        given["mute"] = muted(given["mute"])
    return settings_from(merged(_differing(settings), given))


def for_run(settings: StudySettings, options: Mapping[str, Any]) -> StudySettings:
    """The settings of one run: with options that beat them, of which none may change what was decided with the study.

    Raises SettingsError, naming those that would.
    """
    made = with_options(settings, options)
    refuse_decided(settings, made, (f.name for f in fields(settings)))
    return made


def refuse_decided(known: StudySettings, asked: StudySettings, names: Iterable[str]) -> None:
    """Raise SettingsError when one of these settings differs and is not one of a run."""
    decided = [n for n in sorted(names) if n not in OF_A_RUN and getattr(known, n) != getattr(asked, n)]
    if decided:
        verb = "was" if len(decided) == 1 else "were"
        raise SettingsError(
            f"{', '.join(decided)} {verb} decided when the study was made; "
            "make another study (choose another folder with --out)"
        )


def load_settings(path: Path) -> StudySettings:
    """Read study.yaml; paths in it are relative to its folder. Raises SettingsError with "did you mean"."""
    if not path.is_file():
        raise SettingsError(f"{path} does not exist; make a study with: radcnn new DATA")
    if path.stat().st_size > MAX_YAML_BYTES:
        raise SettingsError(f"{path} is larger than any study.yaml; it was not read")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not readable YAML: it is no UTF-8 text") from None
    plain = plain_yaml(text, str(path))
    if not isinstance(plain, dict):
        raise SettingsError(f"{path} must hold names with values, such as: data: images/")
    settings = settings_from(plain)
    labels = settings.labels and _placed(path.parent, settings.labels)
    reference = settings.reference and _placed(path.parent, settings.reference)
    return replace(settings, data=_placed(path.parent, settings.data), labels=labels, reference=reference)


def save_settings(settings: StudySettings, path: Path, proposal: tuple[Reason, ...]) -> None:
    """Write study.yaml: what differs from the defaults, then the proposal as comments with its reasons."""
    body = yaml.safe_dump(_differing(settings), sort_keys=False, allow_unicode=True)
    lines = [
        "# What this study is. Overrule a proposed setting by a line of its own, such as  training.epochs: 30",
        body,
        "# ---- proposed from the data, with the reason ----",
    ]
    lines += [f"# {reason.setting}: {reason.value}  ({reason.sentence})" for reason in proposal]
    write_text(path, "\n".join(lines) + "\n")


def _differing(settings: StudySettings) -> dict[str, Any]:
    """The fields that differ from their defaults, as plain values."""
    default = StudySettings(data=settings.data)
    plain = to_plain(settings)
    kept = {f.name: plain[f.name] for f in fields(settings) if getattr(settings, f.name) != getattr(default, f.name)}
    return {"data": str(settings.data), **kept}


def _placed(folder: Path, path: Path) -> Path:
    return path if path.is_absolute() else folder / path
