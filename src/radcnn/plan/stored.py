"""A plan as JSON, beside the weights it made, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radcnn.core.files import read_json, sha256_of_json, write_json
from radcnn.core.settings import from_plain, to_plain
from radcnn.plan.restoration import RestorationPlan
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.plan.settings import Plan

AnyPlan = Plan | RestorationPlan | SegmentationPlan


def plan_from_json(plain: Any) -> Plan:
    """The inverse of `to_plain(plan)`; strict."""
    return from_plain(Plan, plain, "the plan")


def any_plan_from_json(plain: Any) -> AnyPlan:
    """The same of a plan of whichever kind."""
    if isinstance(plain, dict) and "structures" in plain:
        return from_plain(SegmentationPlan, plain, "the plan")
    if isinstance(plain, dict) and "patch" in plain:
        return from_plain(RestorationPlan, plain, "the plan")
    return plan_from_json(plain)


def save_plan(plan: AnyPlan, path: Path) -> None:
    """Write the whole plan, as it will be read: a plan that is stored again gives the same bytes."""
    write_json(path, _as_read(plan))


def load_plan(path: Path) -> Plan:
    """Read a whole plan."""
    return plan_from_json(read_json(path))


def load_restoration_plan(path: Path) -> RestorationPlan:
    """Read the whole plan of a restoration."""
    return from_plain(RestorationPlan, read_json(path), "the plan")


def load_segmentation_plan(path: Path) -> SegmentationPlan:
    """Read the whole plan of a segmentation."""
    return from_plain(SegmentationPlan, read_json(path), "the plan")


def load_any_plan(path: Path) -> AnyPlan:
    """Read a whole plan, of whichever kind it is."""
    return any_plan_from_json(read_json(path))


def plan_hash(plan: AnyPlan) -> str:
    """SHA-256 of what decides the numbers: the plan without its reasons."""
    plain = _as_read(plan)
    plain.pop("reasons")
    return sha256_of_json(plain)


def _as_read(plan: AnyPlan) -> Any:
    """Plain values after one reading: a rule may write 40 where the plan that is read has 40.0."""
    return to_plain(from_plain(type(plan), to_plain(plan), "the plan"))
