"""`new`: look at the data, split them once, propose a plan, and write the study's folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from radcnn.core.errors import InputError, SettingsError
from radcnn.core.files import refuse_used, whole_folder, write_json
from radcnn.data.cohort import gather
from radcnn.data.duplicates import content_groups, duplicate_findings
from radcnn.data.findings import Finding
from radcnn.data.fingerprint import fingerprint
from radcnn.data.ledger import record_split
from radcnn.data.mask_print import mask_print
from radcnn.data.splits import split as split_cohort
from radcnn.plan.propose import propose
from radcnn.plan.rules_restoration import propose_restoration
from radcnn.plan.rules_segmentation import propose_segmentation
from radcnn.study.folder import StudyFolder
from radcnn.study.listener import SILENCE, Listener
from radcnn.study.open_study import facts_of, restoration_facts
from radcnn.study.options import refuse_decided, settings_from, with_options
from radcnn.study.segmenting.cases import facts_with_masks, refuse_absent
from radcnn.study.settings import StudySettings
from radcnn.study.study_yaml import load_settings, save_settings
from radcnn.study.words import meant


def new(data: Path | str, *, out: Path | str | None = None, listener: Listener = SILENCE, **options: Any) -> Path:
    """Make a study of images and labels; returns its folder.

    data     a folder of images, a folder per class, an npz file in MedMNIST's form, or a table
    out      the study's folder; radcnn-NAME in the current folder where it is not given
    options  fields of `StudySettings` by name; those of training (minutes, seed, network ...) may change later

    Raises InputError with the cause and the next step; nothing is left behind then.
    """
    settings = settings_from({**meant(options, data), "data": str(data)})
    _refuse_sites_without_column(settings)
    folder = StudyFolder(Path(out) if out is not None else default_folder(Path(data)))
    refuse_used(folder.path)
    with whole_folder(folder.path) as partial:
        _fill(StudyFolder(partial), absolute(settings), listener)
    return folder.path


def _refuse_sites_without_column(settings: StudySettings) -> None:
    """Raise SettingsError when the split is to heed sites that no column names."""
    if settings.site is None and (settings.leave_site is not None or settings.sites == "stratified"):
        asked = "leave_site" if settings.leave_site is not None else "sites"
        raise SettingsError(f"{asked} needs to know each case's site; give --site COLUMN, or leave {asked} out")


def begin_or_continue(
    data: Path | str, *, out: Path | str | None, listener: Listener, options: Mapping[str, Any]
) -> StudyFolder:
    """The study of these data: a new one, or the existing one when it was made of the same data and columns.

    options  as `words.meant` spells them out
    """
    folder = StudyFolder(Path(out) if out is not None else default_folder(Path(data)))
    if not folder.settings.is_file():
        new(data, out=folder.path, listener=listener, **options)
        return folder
    known = load_settings(folder.settings)
    asked = absolute(settings_from({**options, "data": str(data)}))
    if known.cohort() != asked.cohort():
        raise InputError(
            f"{folder.path} is a study of other data or columns; choose another folder with --out, or delete it"
        )
    refuse_decided(
        known, asked, (name for name, value in options.items() if value is not None and hasattr(known, name))
    )
    listener.say(f"going on with the study in {folder.path}: its split and ledger stay as they are")
    return folder


def begun(data: Path | str, *, out: Path | str | None, options: Mapping[str, Any]) -> StudyFolder:
    """The study of these data, for a run of it to go on; raises InputError when an option says other than the study."""
    folder = StudyFolder(Path(out) if out is not None else default_folder(Path(data)))
    if not folder.settings.is_file():
        raise InputError(f"there is no study in {folder.path}, so no run can go on; leave --resume out")
    known = absolute(load_settings(folder.settings))
    asked = absolute(with_options(known, {**meant(options, data), "data": str(data)}))
    others = [f.name for f in fields(known) if getattr(known, f.name) != getattr(asked, f.name)]
    if others:
        raise InputError(
            f"{', '.join(others)} of the study in {folder.path} {'is' if len(others) == 1 else 'are'} not what was "
            "given now; leave these options out to go on, or leave --resume out to start a new run"
        )
    return folder


def default_folder(data: Path) -> Path:
    """radcnn-NAME in the current folder."""
    return Path(f"radcnn-{data.resolve().stem}")


def absolute(settings: StudySettings) -> StudySettings:
    """Settings whose paths do not depend on the current folder."""
    labels = settings.labels.resolve() if settings.labels is not None else None
    reference = settings.reference.resolve() if settings.reference is not None else None
    masks, scribbles = (_absolute_masks(settings.data, one) for one in (settings.masks, settings.scribbles))
    return replace(
        settings, data=settings.data.resolve(), labels=labels, reference=reference, masks=masks, scribbles=scribbles
    )


def _absolute_masks(data: Path, masks: str | None) -> str | None:
    outside = masks is not None and not (data / masks).is_dir() and Path(masks).is_dir()
    return str(Path(str(masks)).resolve()) if outside else masks


def _fill(folder: StudyFolder, settings: StudySettings, listener: Listener) -> None:
    cohort = gather(settings.cohort(), salt=folder.salt())
    people = f", {len(cohort.by_patient)} patients" if cohort.unit == "patient" else ""
    target = {"image": "another image of each", "mask": "a mask of each"}.get(
        cohort.target.kind, ", ".join(cohort.target.names)
    )
    listener.say(f"found {len(cohort)} cases{people}; target {target} ({cohort.target.kind})")
    copies = content_groups(cohort)
    made = split_cohort(
        cohort,
        seed=settings.split_seed,
        fractions=settings.fractions,
        sites=settings.sites,
        leave_site=settings.leave_site,
        identical=copies,
    )
    made = replace(made, findings=(*made.findings, *duplicate_findings(cohort, copies, made.sides)))
    found = fingerprint(cohort, made, seed=settings.split_seed)
    said: tuple[Finding, ...] = ()
    if settings.restores:
        reasons = propose_restoration(restoration_facts(settings, made, found)).reasons
    elif settings.outlines:
        training = [cohort.cases[i].as_taught() for i in made.of("training")]
        held, said = mask_print(
            training, seed=settings.split_seed, unlabelled=settings.segmentation.get("unlabelled", "guess"),
            named={label for labels in settings.structure.values() for label in labels},
            told=lambda done, of: listener.progress("looking at masks", done, of),
        )  # fmt: skip
        refuse_absent(settings, held)
        write_json(folder.masks, held.as_json())
        reasons = propose_segmentation(facts_with_masks(settings, found, held)).reasons
    else:
        reasons = propose(facts_of(settings, cohort, made, found)).reasons
    made.save(folder.split)
    record_split(folder.ledger, made)
    write_json(folder.fingerprint, found.as_json())
    save_settings(settings, folder.settings, reasons)
    for finding in dict.fromkeys((*cohort.findings, *made.findings, *found.findings, *said)):
        listener.say(str(finding))
