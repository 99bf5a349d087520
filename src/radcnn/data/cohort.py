"""A Cohort: the cases of a study with their target, their patients and everything noticed while gathering them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import NOTHING, Case, Source, Unit
from radcnn.core.errors import InputError, SettingsError
from radcnn.core.files import reading
from radcnn.core.target import LabelKind, Target
from radcnn.data.draft import Draft
from radcnn.data.findings import Finding, counted, finding
from radcnn.data.folder import draft_from_folder
from radcnn.data.kind import head_of, hinted, recognised
from radcnn.data.medmnist import draft_from_npz
from radcnn.data.naming import called, mark
from radcnn.data.outlined import draft_from_masks
from radcnn.data.pairing import draft_from_pairs
from radcnn.data.patients import HOW_TO_GIVE_PATIENTS, patients_from_dicom, patients_from_names, pseudonyms
from radcnn.data.read import read_source
from radcnn.data.rows import TABLE_ENDINGS, Columns, draft_from_table

RARE = 10  # patients of a class; below that, no figure about the class means much


@dataclass(frozen=True)
class CohortSettings:
    """Where the cases are and which columns say what.

    path          a folder of images, a folder per class, or an npz file in MedMNIST's form
    labels        a table of labels: CSV, TSV or XLSX
    target        its label column, or several columns for a multi-label target
    patient       the column that names the patient
    patient_from  or the pattern (regular expression) that finds the patient in the file name
    unit          "image" says that every case is a patient of its own; printed on the report
    site, split   columns of the hospital and of a fixed split (train, val, test)
    image, case   columns of the image file and of the case id; found where they are not given
    centre        three columns with the place to look at: x, y, z in mm, DICOM's LPS
    mask          the column of the mask's file, found like the image's; an empty cell is a case without mask
    box           four columns with what is to be found: x0, y0, x1, y1 in pixels, from the image's upper left corner
    subgroups     columns for subgroup tables
    positive      the positive class of a binary target
    kind          "binary", "multiclass", "multilabel" or "regression"; inferred where it is not given
    series, allow_gaps, voi  how DICOM is read; see `Source`
    reference     a folder of the images that those of `path` are to become, by the same names; then there are no labels
    simulate_dose  `path` holds what is wanted; the images to begin with are made of it at this share of its dose
    masks         where the masks of the images are that are to be outlined: see `data.outlined`
    scribbles     where masks are that training sees in their place
    segments      names of DICOM segments that are labels 1, 2, ... of the masks; see `Source`
    """

    path: Path
    labels: Path | None = None
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
    subgroups: tuple[str, ...] = ()
    positive: str | None = None
    kind: LabelKind | None = None
    series: str = ""
    allow_gaps: bool = False
    voi: bool = False
    reference: Path | None = None
    simulate_dose: float | None = None
    masks: str | None = None
    scribbles: str | None = None
    segments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cohort:
    """The cases of a study, in the order of the folder or table.

    unit      what splits, bootstraps and tests count: "patient", or "image" where each case is its own
    rank      spatial rank of the first image: 2 or 3
    findings  what a person should know before training
    """

    cases: tuple[Case, ...]
    target: Target
    unit: Unit
    rank: int
    findings: tuple[Finding, ...] = ()

    @cached_property
    def by_patient(self) -> Mapping[str, tuple[int, ...]]:
        """The cases of each patient, in their order."""
        groups: dict[str, list[int]] = {}
        for i, case in enumerate(self.cases):
            groups.setdefault(case.patient, []).append(i)
        return MappingProxyType({patient: tuple(cases) for patient, cases in groups.items()})

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def fixed(self) -> bool:
        """Whether the data bring their own split."""
        return all(case.side is not None for case in self.cases)

    def called_as(self, ids: Sequence[str]) -> Cohort:
        """The same cases by their own names where these are `ids`: what studies stored before cases had numbers."""
        said = tuple(ids)
        if said == tuple(case.id for case in self.cases) or said != tuple(case.own_name for case in self.cases):
            return self
        return replace(self, cases=tuple(replace(case, id=case.own_name) for case in self.cases))

    def targets(self) -> NDArray[np.float64]:
        """Targets (n, t); NaN where not labelled."""
        return np.array([case.targets for case in self.cases], dtype=np.float64)

    def labelled(self) -> NDArray[np.bool_]:
        """Whether each case (n,) has at least one label."""
        missing: NDArray[np.bool_] = np.isnan(self.targets()).reshape(len(self), -1 if self.cases else 1)
        return np.logical_not(missing.all(axis=1))


def gather(settings: CohortSettings, *, salt: str) -> Cohort:
    """The cohort that the settings describe; of the images only the first one is read.

    `salt` is the study's secret from which pseudonyms are made. Raises InputError, with the way out, when there is
    no patient information, when only one class occurs or when nothing is found; TableError with all faults of a
    table; ReadError when the first image cannot be read.

    >>> import tempfile; import numpy as np
    >>> file = Path(tempfile.mkdtemp(), "tiny.npz")
    >>> np.savez(file, train_images=np.zeros((4, 8, 8), np.uint8), train_labels=np.array([0, 1, 0, 1]))
    >>> gather(CohortSettings(file), salt="kept in the study").target.classes
    ('0', '1')
    """
    if settings.patient and settings.patient_from:
        raise SettingsError("the patient comes from a column (patient) or from the file name (patient_from), not both")
    if settings.unit == "image" and settings.patient_from:
        raise SettingsError("unit image says that every image is a patient of its own; leave patient_from out")
    draft = _draft(settings)
    identifiers, said = _identifiers(settings, draft)
    unit: Unit = "patient" if draft.has_patients and settings.unit == "patient" else "image"
    findings = [*draft.findings, *draft.labels.findings, *said]
    ids, shown = called(draft, identifiers if unit == "patient" else None)
    patients = pseudonyms(identifiers, salt)
    draft = replace(draft, sources=tuple(_asked(source, settings) for source in draft.sources))
    if draft.references is not None:
        draft = replace(draft, references=tuple(_asked(source, settings) for source in draft.references))
    cases = tuple(_case(draft, i, ids[i], patients[i], salt) for i in range(len(ids)))
    findings += shown
    rank = read_source(cases[0].source).rank
    cohort = Cohort(cases, draft.labels.target, unit, rank)
    findings += [*_unlabelled(cohort), *_rare(cohort), *_two_sites(cohort)]
    return Cohort(cases, draft.labels.target, unit, rank, tuple(findings))


def _draft(settings: CohortSettings) -> Draft:
    path = Path(settings.path)
    with reading(path):
        exists, is_file = path.exists(), path.is_file()
    if not exists:
        raise InputError(f"{path} does not exist; give a folder of images or an npz file")
    labels = settings.labels
    if settings.reference is not None or settings.simulate_dose is not None:
        _refuse_columns(settings)
        return draft_from_pairs(path, settings.reference)
    if settings.masks is not None:
        _refuse_columns(settings)
        return draft_from_masks(path, settings.masks, settings.scribbles, segments=settings.segments)
    if labels is None and is_file and path.suffix.lower() in TABLE_ENDINGS:
        path, labels = path.parent, path
    if labels is not None:
        columns = Columns(
            target=settings.target,
            patient=settings.patient,
            site=settings.site,
            split=settings.split,
            image=settings.image,
            case=settings.case,
            centre=settings.centre,
            mask=settings.mask,
            box=settings.box,
            subgroups=settings.subgroups,
        )
        return draft_from_table(path, labels, columns, kind=settings.kind, positive=settings.positive)
    _refuse_columns(settings)
    if path.suffix.lower() == ".npz":
        name = settings.target[0] if settings.target else "label"
        return draft_from_npz(path, name=name, kind=settings.kind, positive=settings.positive)
    name = settings.target[0] if settings.target else "class"
    return draft_from_folder(path, name=name, kind=settings.kind, positive=settings.positive)


def _refuse_columns(settings: CohortSettings) -> None:
    """A column makes no sense where there is no table."""
    columns = ("patient", "site", "split", "image", "case", "centre", "mask", "box", "subgroups")
    given = [name for name in columns if getattr(settings, name)]
    if len(settings.target) > 1:
        given.append("target")
    if given:
        raise SettingsError(f"{', '.join(given)} name columns of a table, but no table was given; add --labels TABLE")


def _identifiers(settings: CohortSettings, draft: Draft) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The patients as the user names them, and how they were found."""
    if settings.unit == "image":
        sentence = "every image counts as a patient of its own, on the user's word (unit image)"
        way_out = "give the patient if one has several images: intervals are too narrow otherwise"
        return draft.ids, (finding("unit is the image", sentence, way_out),)
    if not draft.has_patients:
        _refuse_unknown_patients(settings, draft)
        sentence = "this format names no patients, so every image counts as one (unit image)"
        way_out = "intervals are too narrow if patients have several images"
        return draft.ids, (finding("no patients in the format", sentence, way_out),)
    if draft.identifiers is not None:
        return draft.identifiers, ()
    if settings.patient_from is not None:
        return patients_from_names(draft.names, settings.patient_from)
    if all(is_dicom(source.path) for source in draft.sources):
        return patients_from_dicom(_patient_ids(draft.sources))
    raise InputError(f"nothing says whose image is whose, and a split must be by patient; {HOW_TO_GIVE_PATIENTS}")


def _refuse_unknown_patients(settings: CohortSettings, draft: Draft) -> None:
    """Raise InputError where a format without patients would be split by image without the user's word."""
    name = settings.path.name
    if settings.patient_from is not None:
        raise SettingsError(f"items of {name} have no file names, so patient_from finds nobody; leave it out")
    if draft.sides is None:
        raise InputError(
            f"{name} names neither patients nor sides, and a split must be by patient; give --unit image if every "
            "image is of another patient, or save the images as files with a table that names the patient"
        )


def is_dicom(path: Path) -> bool:
    """A series is a folder; DICOM files are called so, or begin as DICOM does whatever they are called."""
    with reading(path):
        return path.is_dir() or hinted(path) == "dicom" or recognised(head_of(path)) == "dicom"


def _patient_ids(sources: tuple[Source, ...]) -> list[str]:
    from radcnn.data.dicom.header import dicom_identities

    return [one.patient_id for one in dicom_identities([source.path for source in sources])]


def _asked(source: Source, settings: CohortSettings) -> Source:
    """The source with what the settings say about reading DICOM; other files know no series, gaps or VOI."""
    if not (settings.series or settings.allow_gaps or settings.voi) or source.array is not None:
        return source
    return replace(source, series=settings.series, allow_gaps=settings.allow_gaps, voi=settings.voi)


def _case(draft: Draft, i: int, called: str, patient: str, salt: str) -> Case:
    said = {name: column[i] for name, column in draft.attributes.items()}
    return Case(
        id=called,
        name=draft.ids[i],
        mark=mark(draft.ids[i], salt),
        patient=patient,
        source=draft.sources[i],
        targets=tuple(draft.labels.values[i].tolist()),
        centre_mm=draft.centres_mm[i] if draft.centres_mm else None,
        site=draft.sites[i] if draft.sites else None,
        side=draft.sides[i] if draft.sides else None,
        attributes=MappingProxyType(said) if said else NOTHING,
        mask=draft.masks[i] if draft.masks else None,
        scribble=draft.scribbles[i] if draft.scribbles else None,
        reference=draft.references[i] if draft.references else None,
        box=draft.boxes[i] if draft.boxes else None,
    )


def _unlabelled(cohort: Cohort) -> list[Finding]:
    missing = int((~cohort.labelled()).sum())
    if not missing:
        return []
    sentence = f"{missing} of {len(cohort)} cases have no label; they take no part in training or evaluation"
    return [finding("cases without label", sentence, "label them, or leave them out of the table")]


def _rare(cohort: Cohort) -> list[Finding]:
    """Classes, or labels present or absent, that few patients have."""
    if not cohort.target.classes:
        return []
    targets, found = cohort.targets(), []
    for column, name in enumerate(cohort.target.names):
        for index, word in enumerate(cohort.target.classes):
            patients = {
                case.patient for case, value in zip(cohort.cases, targets[:, column], strict=True) if value == index
            }
            if len(patients) < RARE:
                noun = "case" if cohort.unit == "image" else "patient"
                sentence = f"only {counted(len(patients), noun)} with {name!r} {word!r}"
                found.append(finding("rare class", sentence, "figures about so few have wide intervals"))
    return found


def _two_sites(cohort: Cohort) -> list[Finding]:
    if all(case.site is None for case in cohort.cases):
        return []
    sites = {patient: {cohort.cases[i].site for i in cases} for patient, cases in cohort.by_patient.items()}
    several = sum(len(found) > 1 for found in sites.values())
    if not several:
        return []
    sentence = f"{counted(several, 'patient')} stand at more than one site"
    way_out = "if sites number their patients independently, put the site's name before the patient's"
    return [finding("patient at two sites", sentence, way_out)]
