"""A run that stops and goes on: what is said, what is kept, what it may go on with, and what its epochs were."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from radcnn.core.errors import InputError, Stopped
from radcnn.core.files import read_json, write_json, write_text
from radcnn.learning.events import EpochEnded
from radcnn.plan.stored import AnyPlan, load_any_plan, plan_hash, save_plan
from radcnn.study.environment import environment
from radcnn.study.folder import RunFolder, quoted, read_record
from radcnn.study.listener import Listener
from radcnn.study.open_study import OpenStudy
from radcnn.study.settings import StudySettings

SLOW = 1.5  # times the minutes that were asked for
TELLING = 60.0  # seconds of a first epoch from which it says how long the others will take


@contextmanager
def how_to_go_on(run: RunFolder, named: Path) -> Iterator[None]:
    """Say how an interrupted run goes on; one that ends before its first epoch is removed, whatever ended it."""
    try:
        yield
    except BaseException as stop:
        if forget_unless_begun(run):
            raise
        if isinstance(stop, KeyboardInterrupt):
            raise Stopped(f"go on with: radcnn train {quoted(named)} --resume") from stop
        raise


def forget_unless_begun(run: RunFolder) -> bool:
    """Remove a run in which no epoch was done, since there is nothing to go on with; whether it was removed."""
    if any(run.checkpoints.glob("*/checkpoint.json")):
        return False
    shutil.rmtree(run.path, ignore_errors=True)
    with suppress(OSError):  # other runs are in it
        run.path.parent.rmdir()
    return True


def begin_record(run: RunFolder, opened: OpenStudy, plan: AnyPlan, settings: StudySettings) -> None:
    """Write the plan and what a run is, before anything is computed."""
    save_plan(plan, run.plan)
    record = {"status": "training", "study": opened.folder.name, "split": opened.split.hash}
    facts = {"plan": plan_hash(plan), "seed": plan.seed, "minutes": settings.minutes, "environment": environment()}
    write_json(run.record, {**record, **facts, "muted": dict(settings.mute)})


def check_plan(run: RunFolder) -> None:
    """Raises InputError when plan.json is no longer the plan that the run began with."""
    if plan_hash(load_any_plan(run.plan)) != read_record(run).get("plan"):
        raise InputError(
            f"{run.plan} was changed after its run began; restore it from a copy, or start a new run with other "
            f"settings: radcnn train {quoted(run.study.path)} --set NAME=VALUE"
        )


def say_if_slow(epoch: EpochEnded, networks: int, minutes: float, listener: Listener) -> bool:
    """Say so when this machine, as busy as it is, will take much longer than the minutes that were planned.

    A short first epoch says nothing: it may have compiled loops. The plan is not shortened: the same command gives the
    same numbers on a slow day.
    """
    if epoch.epoch == 1 and epoch.seconds < TELLING:
        return False
    needed = epoch.seconds * epoch.epochs * networks / 60
    if needed > SLOW * minutes:
        listener.say(
            f"this machine is slower than planned: training takes about {needed:.0f} minutes, not {minutes:g}; "
            f"stop it (Ctrl-C, nothing is lost) and ask for less with --minutes or --set training.epochs=N"
        )
    return needed > SLOW * minutes


def write_history(run: RunFolder) -> None:
    """The epochs of all networks as CSV, from their checkpoints."""
    events = read_history(run)
    text = io.StringIO()
    if events:
        writer = csv.DictWriter(text, fieldnames=list(events[0].as_json()), lineterminator="\n")
        writer.writeheader()
        writer.writerows(event.as_json() for event in events)
    write_text(run.history, text.getvalue())


def read_history(run: RunFolder) -> list[EpochEnded]:
    """The epochs of all networks, in order."""
    files = sorted(run.checkpoints.glob("network-*/checkpoint.json"), key=lambda p: int(p.parent.name.split("-")[1]))
    return [EpochEnded.from_json(event) for file in files for event in read_json(file)["history"]]
