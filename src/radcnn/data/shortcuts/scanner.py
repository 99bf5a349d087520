"""Traits of the scanner of each case, from its DICOM header; other formats say nothing of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from radcnn.data.cohort import Cohort
from radcnn.data.dicom.header import dicom_files
from radcnn.data.dicom.traits import Trait, dicom_traits
from radcnn.data.survey.look import Look

DICOM = ("dicom", "series")


def header_traits(cohort: Cohort, looks: Sequence[Look]) -> dict[str, dict[str, Trait]]:
    """Traits by case id; of a series those of its first file, and each file is asked once."""
    paths = {case.id: case.source.path for case, look in zip(cohort.cases, looks, strict=True) if look.form in DICOM}
    unique = list(dict.fromkeys(paths.values()))
    found = dict(zip(unique, dicom_traits([_file(path) for path in unique]), strict=True))
    return {case: found[path] for case, path in paths.items()}


def _file(path: Path) -> Path:
    return dicom_files(path)[0] if path.is_dir() else path
