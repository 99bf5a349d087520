"""Results as text for a terminal, and what a whole run says as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radcnn.core.case import SIDE_NAMES

if TYPE_CHECKING:
    from radcnn.data.findings import Finding
    from radcnn.evaluation.judgement import Question, Value
    from radcnn.evaluation.restoration import RestorationJudgement
    from radcnn.evaluation.segmentation import SegmentationJudgement
    from radcnn.recipes.catalogue import System
    from radcnn.study.caching import Kept
    from radcnn.study.checking import Checked
    from radcnn.study.judging import AnyJudgement
    from radcnn.study.predicted import FailedImage, OutlinedImage, Predicted, RestoredImage

FIRST = (
    "auc",
    "accuracy",
    "majority_accuracy",
    "balanced_accuracy",
    "exact_match",
    "majority_match",
    "mae",
    "rmse",
    "r2",
    "auprc",
    "brier",
)
OF_VALUE = ("mae", "rmse", "r2")
OUTLINED = (
    "Dice",
    "surface Dice",
    "mean distance",
    "95 % distance",
    "lesion F1",
    "pixel error",
    "Rand error",
    "warping error",
)
AT_POINT = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "majority_accuracy")


SYNTHETIC_CASES = "SYNTHETIC: the cases were simulated; these figures say nothing about patients"
SYNTHETIC_TRAINING = "SYNTHETIC: the network was trained on simulated cases; these scores say nothing about patients"


def restored_text(judgement: RestorationJudgement) -> str:
    """A table of every figure, before and after, with what was gained."""
    from radcnn.evaluation.restoration import INPUT

    lines = [SYNTHETIC_CASES] if judgement.synthetic else []
    lines.append(
        f"{SIDE_NAMES[judgement.side]}: {len(judgement.cases)} pairs of {judgement.patients} {judgement.unit}s"
    )
    windows = "; ".join(f"{name} {low:g} to {high:g} {judgement.units}" for name, low, high in judgement.windows)
    lines.append(f"  windows, whose width is the data range: {windows}")
    for name, before in judgement.table[INPUT].items():
        for way, gains in judgement.gains.items():
            after = judgement.table[way][name]
            lines.append(f"  {name:<22} {before}  {way} {after}  gained {gains[name]}")
    for shift, table in judgement.shifts.items():
        lines.append(f"  {shift}: RMSE {table[INPUT]['RMSE']} before, {table[list(table)[-1]]['RMSE']} after")
    return "\n".join([*lines, *(f"  note: {note}" for note in judgement.notes)])


def outlined_text(judgement: SegmentationJudgement) -> str:
    """A line for each structure: overlap, distances and lesions; and how volumes agree."""
    lines = [SYNTHETIC_CASES] if judgement.synthetic else []
    lines.append(
        f"{SIDE_NAMES[judgement.side]}: {len(judgement.cases)} cases of {judgement.patients} {judgement.unit}s"
    )
    for name, figures in judgement.table.items():
        said = [f"{figure} {figures[figure]}" for figure in OUTLINED if figure in figures]
        lines.append(f"  {name}: {'; '.join(said)}")
    lines.append(f"  distances are in {judgement.length}")
    for what, unit, agreements in (
        ("volume", "ml", judgement.volumes),
        ("longest diameter", "mm", judgement.diameters),
    ):
        for name, found in agreements.items():
            limits = f"limits of agreement {found.low:.3g} to {found.high:.3g}"
            lines.append(f"  {what} of {name}: predicted - true {found.bias} {unit}, {limits}")
    return "\n".join([*lines, *(f"  note: {note}" for note in judgement.notes)])


def judged_text(judgement: AnyJudgement) -> str:
    """The main figures with their intervals, and what the operating points reach."""
    from radcnn.evaluation.judgement import Judgement as OfLabels

    if not isinstance(judgement, OfLabels):
        from radcnn.evaluation.segmentation import SegmentationJudgement as OfMasks

        return outlined_text(judgement) if isinstance(judgement, OfMasks) else restored_text(judgement)
    from radcnn.reports.numbers import note_words

    lines = [SYNTHETIC_CASES] if judgement.synthetic else []
    lines += [f"{SIDE_NAMES[judgement.side]}: {judgement.n} cases of {judgement.patients} {judgement.unit}s"]
    lines += [f"  {name:<20} {judgement.figures[name]}" for name in FIRST if name in judgement.figures]
    lines += [f"  {value.name}: {_of_value(value)}" for value in judgement.values if len(judgement.values) > 1]
    lines += _one_question(judgement.questions[0]) if len(judgement.questions) == 1 else _each(judgement.questions)
    return "\n".join([*lines, *(f"  note: {note_words(note)}" for note in judgement.notes)])


def _of_value(value: Value) -> str:
    """The main figures of one of several values of a regression."""
    return "; ".join(f"{name} {value.figures[name]}" for name in OF_VALUE)


def _one_question(question: Question) -> list[str]:
    """What every operating point reaches."""
    lines = []
    for point in question.points:
        lines.append(f"  {question.name} at {point.point.name} (chosen on the {point.point.chosen_on} set):")
        lines += [f"    {name:<18} {point.figures[name]}" for name in AT_POINT if name in point.figures]
    return lines


def _each(questions: Sequence[Question]) -> list[str]:
    """One line for each of several questions, at its first operating point; empty without questions."""
    lines = []
    for question in questions:
        said = [f"auc {question.figures['auc']}"]
        for point in question.points[:1]:
            found = [f"{name} {point.figures[name]}" for name in ("sensitivity", "specificity")]
            said.append(f"at {point.point.name} {', '.join(found)}")
        lines.append(f"  {question.name}: {'; '.join(said)}")
    return [*lines, "  more of each in the report and with --json"] if lines else []


def ran_json(run: Path, judgement: AnyJudgement, errors: Sequence[Finding]) -> dict[str, Any]:
    """A whole run as a JSON object; `errors` are the findings that make its figures wrong."""
    places = {"run": str(run), "report": str(run / "report.html")}
    said = {"errors": [error.as_json() for error in errors], "judgement": judgement.as_json()}
    return {"synthetic": judgement.synthetic, **places, **said}


def ran_text(judgement: AnyJudgement, errors: Sequence[Finding]) -> str:
    """The main figures of a whole run, and before them what makes them wrong."""
    lines = [f"THESE FIGURES ARE WRONG WHILE THIS STANDS: {error}" for error in errors]
    return "\n".join([*lines, judged_text(judgement)])


def checked_text(found: Checked) -> str:
    """Findings, the most serious first; what passed and what does not apply, and why; then the predicted cost."""
    from radcnn.data.findings import PAGE
    from radcnn.study.clearance import muted_words

    lines = [f"{one}{muted_words(one, found.mute)}" for one in found.findings] or ["no findings"]
    if found.findings:
        lines.append(f"every code is explained in {PAGE}")
    needed = found.needed
    cost = f"{needed.minutes:.1f} minutes, {needed.memory_bytes / 2**20:.0f} MiB of memory"
    last = f"a run will take about {cost} and {needed.disk_bytes / 2**20:.0f} MiB of disk"
    return "\n".join([*lines, _others(found), last])


def _others(found: Checked) -> str:
    """One line about the checks that found nothing, the checks that do not apply, and mutes of what was not found."""
    passed = [one.named for one in found.outcomes if one.word == "passed"]
    not_applicable = [f"{one.check} ({one.because})" for one in found.outcomes if one.word == "not applicable"]
    idle = sorted(found.mute.keys() - {one.code for one in found.findings})
    said = [
        f"passed: {', '.join(passed) or 'none'}",
        f"not applicable: {', '.join(not_applicable)}" if not_applicable else "",
        f"muted but not found: {', '.join(idle)}" if idle else "",
    ]
    return "; ".join(one for one in said if one)


def cache_json(found: Sequence[Kept]) -> dict[str, Any]:
    """What caches hold, and what was freed of them."""
    freed = sum(one.cached.bytes for one in found if one.evicted)
    held = sum(one.cached.bytes for one in found) - freed
    return {"held_bytes": held, "freed_bytes": freed, "kept": [one.as_json() for one in found]}


def cache_text(found: Sequence[Kept], *, dry_run: bool) -> str:
    """One line for each kind of preparation of each study, and how much it is in all."""
    lines = []
    for one in found:
        said = one.as_json()
        cases = "" if one.cached.cases is None else f", {one.cached.cases} cases"
        state = "" if not one.evicted else " [would be evicted]" if dry_run else " [evicted]"
        runs = f"for {', '.join(one.runs)}" if one.runs else "for no run"
        when = said["last_used"].replace("T", " ").removesuffix("+00:00")
        lines.append(f"{one.study}: {_mib(one.cached.bytes)}{cases}, {one.words}; {runs}; last used {when} UTC{state}")
    total = cache_json(found)
    freed = f"{'would free' if dry_run else 'freed'} {_mib(total['freed_bytes'])}; " if total["freed_bytes"] else ""
    return "\n".join([*lines, f"{freed}prepared cases take {_mib(total['held_bytes'])}"])


def _mib(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"


def predicted_text(found: Sequence[Predicted | RestoredImage | OutlinedImage | FailedImage]) -> str:
    """One line per image: its scores and which operating points call it positive, where it was written, or why not."""
    from radcnn.study.predicted import FailedImage as Failed
    from radcnn.study.predicted import OutlinedImage as Outlined
    from radcnn.study.predicted import RestoredImage as Restored

    lines = [SYNTHETIC_TRAINING] if any(not isinstance(one, Failed) and one.synthetic for one in found) else []
    for one in found:
        if isinstance(one, Failed):
            lines.append(f"{one.image}: FAILED: {one.failed}")
            continue
        if isinstance(one, Restored):
            lines.append(f"{one.image}: wrote {one.path}")
            continue
        if isinstance(one, Outlined):
            lines.append(f"{one.image}: {one.told}; wrote {', '.join(map(str, one.files))}")
            continue
        scores = ", ".join(f"{name} {value:.3f}" for name, value in one.scores.items())
        called = [name for name, positive in one.called.items() if positive]
        lines.append(f"{one.image}: {scores}" + (f"; positive at {', '.join(called)}" if called else ""))
    return "\n".join([*lines, "research use only: not a medical device"])


def systems_json(found: Mapping[str, System]) -> list[dict[str, Any]]:
    """Every system with its title, paper and options."""
    return [
        {"id": name, "title": one.title, "paper": one.paper, "options": list(one.options)}
        for name, one in found.items()
    ]


def systems_text(found: Mapping[str, System]) -> str:
    """Two lines for each system."""
    lines = []
    for name, one in found.items():
        lines += [f"{name}: {one.title} ({one.paper})", f"  options: {', '.join(one.options)}"]
    return "\n".join([*lines, "build one with: radcnn reproduce ID"])
