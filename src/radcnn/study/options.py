"""Settings of a study from options as a person writes them, and which of them a run may still change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import SettingsError
from radcnn.core.settings import from_plain, merged, nested
from radcnn.data.findings import CODES
from radcnn.study.settings import OF_A_RUN, StudySettings


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
    return settings_from(merged(settings.differing(), given))


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
