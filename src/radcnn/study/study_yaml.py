"""study.yaml: what a person says about a study. It holds only what differs from the proposal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import yaml

from radcnn.core.errors import SettingsError
from radcnn.core.files import write_text
from radcnn.core.plain_yaml import plain_yaml
from radcnn.plan.settings import Reason
from radcnn.study.options import settings_from
from radcnn.study.settings import StudySettings

MAX_YAML_BYTES = 1 << 20


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
    body = yaml.safe_dump(settings.differing(), sort_keys=False, allow_unicode=True)
    lines = [
        "# What this study is. Overrule a proposed setting by a line of its own, such as  training.epochs: 30",
        body,
        "# ---- proposed from the data, with the reason ----",
    ]
    lines += [f"# {reason.setting}: {reason.value}  ({reason.sentence})" for reason in proposal]
    write_text(path, "\n".join(lines) + "\n")


def _placed(folder: Path, path: Path) -> Path:
    return path if path.is_absolute() else folder / path
