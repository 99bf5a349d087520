"""A plan as JSON, beside the weights it made, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radcnn.core.files import read_json, sha256_of_json, write_json
from radcnn.core.settings import from_plain, to_plain
from radcnn.plan.settings import Plan


def plan_from_json(plain: Any) -> Plan:
    """The inverse of `to_plain(plan)`; strict."""
    return from_plain(Plan, plain, "the plan")


def save_plan(plan: Plan, path: Path) -> None:
    """Write the whole plan, as it will be read: a plan that is stored again gives the same bytes."""
    write_json(path, _as_read(plan))


def load_plan(path: Path) -> Plan:
    """Read a whole plan."""
    return plan_from_json(read_json(path))


def plan_hash(plan: Plan) -> str:
    """SHA-256 of what decides the numbers: the plan without its reasons."""
    plain = _as_read(plan)
    plain.pop("reasons")
    return sha256_of_json(plain)


def _as_read(plan: Plan) -> Any:
    """Plain values after one reading: a rule may write 40 where the plan that is read has 40.0."""
    return to_plain(plan_from_json(to_plain(plan)))
