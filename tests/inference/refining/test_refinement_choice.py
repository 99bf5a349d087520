"""Settings of a refinement: drawn by chance, one case held at a time, kept where they help."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from radcnn.inference.refining import choice
from radcnn.inference.refining.choice import best_refinement, drawn
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan

PLAN = SegmentationPlan(
    NetworkPlan("unet2d"), TrainingPlan(epochs=1, batch=1), (Structure("organ", (1,)),), (16, 16), refine="graphcut",
    largest=("organ",),
)  # fmt: skip


def dice(of: float, plan: SegmentationPlan) -> float:
    """More where the strength is nearer to 1; a case is worth so much without a refinement."""
    assert plan.largest == ()
    if plan.refine == "none":
        return of
    return 0.9 - 0.01 * abs(plan.refined["strength"] - 1)


def test_the_best_of_the_draws_is_taken_by_its_mean_and_each_case_is_held_once() -> None:
    held: list[str] = []

    def judged() -> Iterator[Callable[[SegmentationPlan], float]]:
        for name, of in (("a", 0.5), ("b", 0.7)):
            held.append(name)
            yield lambda plan, of=of: dice(of, plan)
            held.append(f"{name} done")

    found = best_refinement(judged(), PLAN)
    assert held == ["a", "a done", "b", "b done"]
    draws = list(drawn("graphcut", PLAN.seed))
    assert dict(found.settings) == min(draws, key=lambda one: abs(one["strength"] - 1))
    assert found.before == pytest.approx(0.6)
    assert found.kept
    assert found.sentence.endswith("kept")


def test_a_gain_of_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "DRAWS", 2)
    found = best_refinement([lambda plan: 0.8], PLAN)
    assert (found.before, found.after, found.kept) == (0.8, 0.8, False)
    assert found.sentence == "mean Dice on the tuning set 0.8000, 0.8000 without: left out"
