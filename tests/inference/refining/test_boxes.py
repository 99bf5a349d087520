"""A refinement looks at a box about what is undecided: the same comes of it, and memory has a bound."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from radcnn.core.errors import SettingsError, StorageError
from radcnn.inference.refining import boxes, choice
from radcnn.inference.refining.boxes import parts_of, room_like, softmax, undecided, voxels_of
from radcnn.inference.refining.choice import refined
from radcnn.inference.refining.crf import CrfSettings, bytes_of_field, crf_probabilities
from radcnn.inference.refining.graph_cut import CutSettings, bytes_of_cut, costs_of, cut_labels, margin_of_cut
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan

SPACING = (2.0, 1.0, 1.0)
FIELD = {"near_weight": 1.0, "near_mm": 1.5, "weight": 3.0, "mm": 3.0, "grey": 0.3}
CUT = {"strength": 2.0, "sigma": 0.3}


def plan(refine: str, settings: dict[str, float], labels: int = 2) -> SegmentationPlan:
    names = tuple(Structure(f"part {k}", (k,)) for k in range(1, labels))
    return SegmentationPlan(
        NetworkPlan("unet2d"), TrainingPlan(epochs=1, batch=1), names, (8, 8), refine=refine, refined=settings  # type: ignore[arg-type]
    )  # fmt: skip


def small_structure(labels: int = 2, seed: int = 0) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """Logits, noisy near a ball of 5 voxels, and an image with its edge, in a volume of 20 x 48 x 48 voxels."""
    chance = np.random.default_rng(seed)
    at = np.indices((20, 48, 48)) - np.reshape([9, 20, 24], (3, 1, 1, 1))
    away = np.sqrt((4 * at[0] ** 2) + at[1] ** 2 + at[2] ** 2)
    ball = away < 8
    logits = np.zeros((labels, *ball.shape))
    logits[0] = 9.0
    near = away < 11
    logits[0, near] = 1.5 * chance.standard_normal(near.sum())
    for k in range(1, labels):
        own = ball & ((at[2] > 0) == (k == 1))
        logits[k, near] = (1.4 * (own if labels > 2 else ball)[near] - 0.7) + 1.5 * chance.standard_normal(near.sum())
    return logits.astype(np.float16), (ball + 0.15 * chance.standard_normal(ball.shape)).astype(np.float32)


def watched(monkeypatch: pytest.MonkeyPatch, name: str) -> list[tuple[int, ...]]:
    """The sizes of images that a refinement of `choice` is given from now on."""
    sizes: list[tuple[int, ...]] = []
    function: Callable[..., NDArray] = getattr(choice, name)

    def watching(values: NDArray, image: NDArray, *more: object, **named: object) -> NDArray:
        sizes.append(image.shape)
        return function(values, image, *more, **named)

    monkeypatch.setattr(choice, name, watching)
    return sizes


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("strength", [0.5, 2.0, 10.0])
def test_the_cut_of_a_small_structure_is_that_of_the_whole_volume(
    monkeypatch: pytest.MonkeyPatch, labels: int, strength: float
) -> None:
    logits, image = small_structure(labels)
    sizes = watched(monkeypatch, "cut_labels")
    settings = {**CUT, "strength": strength}
    found = refined(logits, image, SPACING, plan("graphcut", settings, labels)).argmax(0)
    whole = cut_labels(costs_of(softmax(logits)), image, SPACING, CutSettings(**settings))  # type: ignore[arg-type]
    assert np.array_equal(found, whole)
    assert len(np.unique(whole)) == labels or strength == 10  # such borders are drawn about little
    assert math.prod(sizes[0]) < (0.6 if strength < 10 else 1) * image.size


def test_the_field_of_a_small_structure_is_that_of_the_whole_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, image = small_structure()
    sizes = watched(monkeypatch, "crf_probabilities")
    found = refined(logits, image, SPACING, plan("crf", FIELD)).argmax(0)
    whole = crf_probabilities(softmax(logits), image, SPACING, CrfSettings(**FIELD)).argmax(0)  # type: ignore[arg-type]
    assert whole.any()
    assert np.array_equal(found, whole)
    assert math.prod(sizes[0]) < 0.8 * image.size


def test_an_edge_far_away_draws_no_border_across_what_is_decided() -> None:
    """A border costs next to nothing at the edge of the box: the margin keeps the cut where it is."""
    logits, image = small_structure()
    image[:, 40:] = 50.0
    settings = {"strength": 4.0, "sigma": 0.5}
    found = refined(logits, image, SPACING, plan("graphcut", settings)).argmax(0)
    assert np.array_equal(found, cut_labels(costs_of(softmax(logits)), image, SPACING, CutSettings(**settings)))  # type: ignore[arg-type]


@pytest.mark.parametrize("neighbours", [6, 26])
def test_the_margin_of_a_cut_is_as_wide_as_its_borders_are_dear(neighbours: int) -> None:
    weak, strong, thick = (
        margin_of_cut(0.01, spacing, CutSettings(strength, 30.0, neighbours), 10**6)
        for strength, spacing in ((0.1, (1.0, 1.0, 1.0)), (10.0, (1.0, 1.0, 1.0)), (10.0, (9.0, 1.0, 1.0)))
    )
    assert weak == (1, 1, 1)
    assert min(strong) > 20
    assert thick[0] < thick[1] == thick[2]


@pytest.mark.parametrize(
    ("refine", "settings", "function"), [("graphcut", CUT, "cut_labels"), ("crf", FIELD, "crf_probabilities")]
)
def test_nothing_is_refined_where_nothing_is_likely(
    monkeypatch: pytest.MonkeyPatch, refine: str, settings: dict[str, float], function: str
) -> None:
    logits, image = small_structure()
    logits[0], logits[1:] = 9, 0
    sizes = watched(monkeypatch, function)
    assert not refined(logits, image, SPACING, plan(refine, settings)).argmax(0).any()
    assert sizes == []


@pytest.mark.parametrize(
    ("refine", "settings", "function", "bytes_of"),
    [
        ("graphcut", CUT, "cut_labels", lambda image: bytes_of_cut(2, 3)),
        ("crf", FIELD, "crf_probabilities", lambda image: bytes_of_field(2, image, SPACING, CrfSettings(**FIELD))),  # type: ignore[arg-type]
    ],
)
def test_what_needs_more_memory_is_refined_in_parts_that_overlap(
    monkeypatch: pytest.MonkeyPatch, refine: str, settings: dict[str, float], function: str,
    bytes_of: Callable[[NDArray], float],
) -> None:  # fmt: skip
    logits, image = small_structure()
    whole = refined(logits, image, SPACING, plan(refine, settings)).argmax(0)
    monkeypatch.setattr(choice, "MOST_BYTES", 6_000 * bytes_of(image))
    monkeypatch.setattr(choice, "LEAST_PART", 0)
    sizes = watched(monkeypatch, function)
    found = refined(logits, image, SPACING, plan(refine, settings)).argmax(0)
    assert len(sizes) > 1
    assert max(map(math.prod, sizes)) <= 6_000
    assert (found != whole).sum() <= 0.02 * whole.sum()


def test_a_field_of_too_fine_a_grid_is_refused() -> None:
    logits, image = small_structure()
    with pytest.raises(SettingsError, match="give larger mm or grey"):
        refined(logits, image, SPACING, plan("crf", {**FIELD, "grey": 1e-6}))


def test_the_memory_of_a_field_is_what_was_said_of_it() -> None:
    chance = np.random.default_rng(0)
    image = chance.random((40, 40, 40), np.float32)
    for labels in (2, 6):
        p = softmax(chance.standard_normal((labels, *image.shape)))
        settings = CrfSettings(near_mm=2.0, mm=6.0, grey=0.4)
        crf_probabilities(p[:, :4], image[:4], (1.0, 1.0, 1.0), settings)
        tracemalloc.start()
        crf_probabilities(p, image, (1.0, 1.0, 1.0), settings)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        said = bytes_of_field(labels, image, (1.0, 1.0, 1.0), settings) * image.size
        assert 0.4 * said < peak < said


@pytest.mark.parametrize("labels", [2, 4])
def test_the_memory_of_a_cut_is_what_was_said_of_it(labels: int) -> None:
    chance = np.random.default_rng(0)
    image = chance.random((48, 48, 48), np.float32)
    costs = costs_of(softmax(chance.standard_normal((labels, *image.shape))))
    cut_labels(costs[:, :4], image[:4], SPACING)
    tracemalloc.start()
    cut_labels(costs, image, SPACING, CutSettings(0.5, 0.3))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    said = bytes_of_cut(labels, 3) * image.size
    assert 0.5 * said < peak + costs.nbytes < said


def test_parts_keep_every_voxel_once() -> None:
    kept = np.zeros((7, 30, 11), int)
    box = (slice(1, 7), slice(0, 29), slice(2, 11))
    for part in parts_of(box, (9, 2, 1), 300):
        kept[part.kept] += 1
        assert voxels_of(part.seen) <= 300
        seen = np.zeros_like(kept)
        seen[part.seen][part.inner] = 1
        assert seen[part.kept].all()
        assert seen.sum() == voxels_of(part.kept)
    assert (kept[box] == 1).all()
    assert kept.sum() == voxels_of(box)


def test_boxes_are_the_same_slab_by_slab_and_many_logits_lie_on_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    logits, _ = small_structure()
    whole = undecided(logits, (0.01, 0.1))
    monkeypatch.setattr(boxes, "SLAB", 10)
    assert undecided(logits, (0.01, 0.1)) == whole
    monkeypatch.setattr(boxes, "IN_MEMORY", 10)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = room_like(logits)
    made[:] = logits
    assert isinstance(made, np.memmap)
    assert np.array_equal(made, logits)
    assert list(tmp_path.iterdir()) == [], "it has no name, so nothing is left behind"
    monkeypatch.setattr("shutil.disk_usage", lambda where: SimpleNamespace(free=10))
    with pytest.raises(StorageError, match="let TMPDIR name a folder on another disk"):
        room_like(logits)
