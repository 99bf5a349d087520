"""How to make a run again: the commands that the report and the model card print."""

from __future__ import annotations

from pathlib import Path

from radcnn.core.errors import ReadError
from radcnn.physics.phantoms.study import simulated_with
from radcnn.plan.settings import Plan
from radcnn.study.folder import RunFolder, quoted, read_record
from radcnn.study.open_study import OpenStudy


def commands_again(folder: RunFolder, opened: OpenStudy, plan: Plan) -> tuple[str, ...]:
    """Commands that train the same plan and judge it as it was judged, typed where the study's folder lies.

    Folders above the study are not named: they may be called after a patient. A run of the demo is made by the demo.
    """
    if (demo := demo_again(folder, opened, plan)) is not None:
        return (demo,)
    return commands_of_study(folder, opened)


def commands_of_study(folder: RunFolder, opened: OpenStudy) -> tuple[str, ...]:
    """The same for data of a person, whatever is predicted."""
    study = Path(opened.folder.name)
    opening = (f"radcnn evaluate {quoted(study)} --open-test",) if folder.judgement("test").is_file() else ()
    return (
        f"radcnn train {quoted(study)} --plan {quoted(study / 'runs' / folder.name / 'plan.json')}",
        f"radcnn evaluate {quoted(study)}",
        *opening,
        f"radcnn report {quoted(study)}",
    )


def demo_again(folder: RunFolder, opened: OpenStudy, plan: Plan) -> str | None:
    """The demo that simulates, trains and judges this run; None for data of a person, or where a setting was chosen."""
    labels = opened.settings.labels
    if not opened.settings.synthetic or labels is None:
        return None
    try:
        patients, seed = simulated_with(labels.parent)
    except ReadError:
        return None
    if plan.seed != seed or any(reason.source != "rule" for reason in plan.reasons):
        return None
    return f"radcnn demo --patients {patients} --seed {seed} --minutes {read_record(folder)['minutes']:g}"
