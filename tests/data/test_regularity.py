"""What is one regular volume: our own strict test, against highdicom's and at each of its tolerances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from highdicom import get_volume_from_series
from highdicom.spatial import get_volume_positions
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.data.dicom.placing import Plane
from radcnn.data.dicom.reader import read_dicom
from radcnn.data.dicom.regularity import Stack, broken, stack_at
from written_dicom import write_stack


def turned(angles: tuple[float, float, float]) -> NDArray[np.float64]:
    """A rotation by three angles, as columns right, down, normal."""
    made = np.eye(3)
    for axis, angle in enumerate(angles):
        i, j = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        made = made @ turn
    return made


UPRIGHT = np.eye(3)


def stack(steps: NDArray, axes: NDArray = UPRIGHT, pixel: float = 0.7, lean: float = 0.0) -> Stack:
    depths = np.concatenate([[0.0], np.cumsum(steps)])
    direction = axes[:, 2] + np.tan(np.radians(lean)) * axes[:, 1]
    plane = Plane((0.0,) * 3, tuple(axes[:, 0]), tuple(axes[:, 1]), (pixel, pixel))
    return stack_at(depths[:, None] * direction, plane)


def kind(found: Stack) -> str:
    fault = broken(found)
    return "lean" if fault is None and found.leans else "volume" if fault is None else fault.kind


def highdicom_takes(found: Stack) -> bool:
    spacing, _ = get_volume_positions(found.positions.tolist(), [*found.right, *found.down], sort=True)
    return spacing is not None


@settings(max_examples=150)
@given(
    st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=12),
    st.sampled_from([0.0, 0.003, 0.008, 0.02, 0.3]),
    st.floats(0.5, 8.0),
    st.floats(0.0, 6.0),
    st.tuples(*[st.floats(-3.1, 3.1)] * 3),
)
def test_no_volume_of_ours_is_refused_by_highdicom(
    jitter: list[float], size: float, spacing: float, lean: float, angles: tuple[float, float, float]
) -> None:
    steps = spacing * (1 + size * np.array(jitter))
    found = stack(steps, turned(angles), lean=lean)
    mean = float(np.mean(steps))
    # two things are ours alone: text of two decimals may round, and what adds up to a tenth of a slice is refused
    rounding = np.abs(steps - mean).max() > 0.00999 * mean
    edge = abs(found.lean_degrees - np.degrees(np.arccos(1 - 1e-3))) < 1e-3
    if kind(found) == "volume" and not rounding and not edge:
        assert highdicom_takes(found)
    if highdicom_takes(found) and not edge:
        assert kind(found) in ("volume", "uneven")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([2, 2, 2], "volume"),
        ([2, 2.019, 1.981, 2], "volume"),
        ([2, 2.05, 1.95, 2], "uneven"),
        ([2, 4, 2], "uneven"),
        ([2, 0, 2], "same place"),
        ([0.0004], "same place"),
        ([0.62, 0.63, 0.62, 0.63, 0.62], "volume"),
        ([0.10, 0.11, 0.10], "uneven"),
        ([0.008, 0.008, 0.009], "uneven"),
    ],
)
def test_gaps_are_even_to_one_percent_or_to_two_decimals(steps: list[float], expected: str) -> None:
    assert kind(stack(np.array(steps))) == expected


def test_a_drift_within_one_percent_that_adds_up_is_refused() -> None:
    """highdicom looks at each gap alone: this slice would be placed half a millimetre from where it says it is."""
    drifting = stack(np.linspace(1.991, 2.009, 120))
    assert highdicom_takes(drifting)
    assert kind(drifting) == "uneven"
    assert kind(stack(np.linspace(1.995, 2.005, 30))) == "volume"


def test_a_slice_beside_the_line_of_the_others_is_found() -> None:
    straight = stack(np.full(6, 2.0))
    moved = straight.positions.copy()
    moved[3, 0] += 0.5
    fault = broken(stack_at(moved, Plane((0, 0, 0), (1, 0, 0), (0, 1, 0), (0.7, 0.7))))
    assert fault is not None
    assert (fault.kind, fault.at) == ("sideways", 3)


def test_leaning_is_no_fault_and_begins_at_highdicoms_tolerance() -> None:
    assert kind(stack(np.full(20, 3.0), lean=2.5)) == "volume"
    assert kind(stack(np.full(20, 3.0), lean=2.6)) == "lean"
    assert stack(np.full(20, 3.0), lean=-12.0).lean_degrees == pytest.approx(12)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("backwards", [False, True])
def test_every_voxel_lies_where_highdicom_puts_it(tmp_path: Path, seed: int, backwards: bool) -> None:
    """Oblique in any direction, pixels that are not square, files in any order."""
    import pydicom

    chance = np.random.default_rng(seed)
    axes = turned(tuple(chance.uniform(-3.1, 3.1, 3)))
    numbers = chance.permutation(6 * 4 * 5).reshape(6, 4, 5).astype(np.int16)
    order = chance.permutation(6).tolist()
    place = {"first_mm": chance.uniform(-200, 200, 3), "right": axes[:, 0], "down": axes[:, 1]}
    if backwards:
        order = order[::-1]
    folder = write_stack(tmp_path, numbers, steps_mm=2.5, spacing=(0.9, 0.4), order=order, **place)
    ours = read_dicom(Source(folder)).volume
    theirs = get_volume_from_series([pydicom.dcmread(path) for path in sorted(folder.iterdir())])
    assert ours.affine is not None
    for value in chance.choice(numbers.ravel(), 20):
        here = np.argwhere(ours.voxels[0] + 1024 == value)[0]
        there = np.argwhere(theirs.array + 1024 == value)[0]
        assert np.allclose(ours.world(here), theirs.affine[:3, :3] @ there + theirs.affine[:3, 3], atol=1e-5)
