"""The plan of a run: proposed from the data and the settings, or one that was stored with another run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from radcnn.core.errors import InputError, SettingsError
from radcnn.learning.execution import available_device
from radcnn.learning.precision import bfloat16_trial, offers_bfloat16
from radcnn.plan.cost import BFLOAT16_GAIN
from radcnn.plan.settings import Plan, Precision, Reason
from radcnn.plan.stored import AnyPlan, load_plan
from radcnn.study.open_study import OpenStudy
from radcnn.study.settings import StudySettings
from radcnn.tasks import planned_task

P = TypeVar("P", bound=AnyPlan)
SETTING_BY_SETTING = ("training", "preparation", "restoration", "segmentation")  # sections that are not decided as one


def proposed_plan(opened: OpenStudy, settings: StudySettings, options: Mapping[str, Any]) -> Plan:
    """What the rules and the settings decide, with the precision that this machine can be trusted with.

    options  those settings that were given for this run; their reasons say so
    """
    if "precision" in settings.training:
        plan = opened.propose(settings)
    else:
        plan = trusted(
            lambda precision: opened.propose(settings, precision=precision),
            lambda plan: (plan.network, plan.preparation, plan.training.batch),
        )
    plan = replace(plan, reasons=with_sources(plan.reasons, options))
    return replace(plan, operating_points=settings.operating_points, resamples=settings.resamples)


def trusted(propose: Callable[[Precision], P], computed: Callable[[P], object]) -> P:
    """What is proposed, in the precision that this machine can be trusted with for it, which its reasons say.

    computed  what of a plan is computed in each step: where it differs, there is another trial

    Where bfloat16 is clearly faster, the minutes suffice for more; a network that is another for it is tried, too.
    """
    plan, device = propose("float32"), available_device()
    agreed, sentence = bfloat16_trial(plan, device)
    if not agreed:
        return _in_precision(plan, "float32", sentence)
    more = propose("bfloat16")
    if computed(more) != computed(plan):
        agreed, of_more = bfloat16_trial(more, device)
        if not agreed:
            return _in_precision(plan, "bfloat16", sentence)
        sentence = of_more
    return _in_precision(more, "bfloat16", f"{sentence}, and the minutes are planned for {BFLOAT16_GAIN:g} times")


def settled(
    settings: StudySettings, options: Mapping[str, Any], propose: Callable[[Precision], P],
    computed: Callable[[P], object],
) -> P:  # fmt: skip
    """What is proposed in the precision that was asked for, or in one that can be trusted; see `trusted`.

    propose  by a precision, unless the settings ask for another one
    options  those settings that were given for this run; their reasons say so
    """
    if "precision" in settings.training:
        plan = propose("float32")
        refuse_unoffered(plan)
    else:
        plan = trusted(propose, computed)
    return replace(plan, reasons=with_sources(plan.reasons, options))


def _in_precision(plan: P, precision: Precision, sentence: str) -> P:
    reasons = (*plan.reasons, Reason("training.precision", precision, sentence))
    return replace(plan, training=replace(plan.training, precision=precision), reasons=reasons)


def stored_plan(path: Path, opened: OpenStudy) -> Plan:
    """The plan in a run's plan.json, as it stands; raises SettingsError where it does not fit the study or machine."""
    if not path.is_file():
        raise InputError(f"there is no plan in {path}; a run keeps its own in RUN/plan.json")
    plan, target, whose = load_plan(path), opened.cohort.target, f"the plan in {path}"
    if plan.target != target:
        raise SettingsError(
            f"{whose} predicts {_described(plan)}, but this study's target is {', '.join(target.names)} "
            f"({target.kind}); give a plan of the same target, or leave --plan out"
        )
    if (plan.preparation.region_mm is not None) != opened.fingerprint.regions:
        looks, has = ("regions", "none") if plan.preparation.region_mm is not None else ("whole images", "regions")
        raise SettingsError(f"{whose} looks at {looks}, but this study has {has}; leave --plan out")
    planned_task(target, plan.task)
    refuse_untrusted(plan, whose)
    return plan


def refuse_unoffered(plan: AnyPlan) -> None:
    """Raises SettingsError where a plan asks for bfloat16 on a machine that has no instructions for it."""
    if plan.training.precision == "bfloat16" and not offers_bfloat16(available_device()):
        raise SettingsError("this machine has no instructions for bfloat16; take training.precision=float32")


def refuse_untrusted(plan: AnyPlan, whose: str) -> None:
    """Raises SettingsError where a stored plan trains in bfloat16 and this machine cannot be trusted with that."""
    if plan.training.precision != "bfloat16":
        return
    agreed, sentence = bfloat16_trial(plan, available_device(), proposed=False)
    if not agreed:
        raise SettingsError(
            f"{whose} trains in bfloat16, which this machine cannot be trusted with ({sentence}); train it where it "
            "was made, or leave --plan out"
        )


def with_sources(reasons: Sequence[Reason], options: Mapping[str, Any]) -> tuple[Reason, ...]:
    """The reasons; those of what was given for this run say so."""
    names = _names(options)
    return tuple(_from_option(reason, names) for reason in reasons)


def _from_option(reason: Reason, names: frozenset[str]) -> Reason:
    return replace(reason, source="option") if reason.source == "study" and reason.setting in names else reason


def _names(options: Mapping[str, Any]) -> frozenset[str]:
    """The settings that options name, as reasons call them: a section that is decided as one by its own name."""
    whole = {"region_mm": "preparation.region_mm"}
    found = set()
    for name, value in options.items():
        section, _, inner = name.partition(".")
        given = list(value) if isinstance(value, Mapping) else [inner]
        found |= {f"{section}.{one}" for one in given} if section in SETTING_BY_SETTING else {section}
    return frozenset(whole.get(name, name) for name in found)


def _described(plan: Plan) -> str:
    return f"{', '.join(plan.target.names)} ({plan.target.kind})"
