"""A tilted gantry is made upright by positions: what is in the patient stays where it is, to 0.1 mm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError
from radcnn.core.volume import Volume
from radcnn.data.dicom.arranging import arrange, finished
from radcnn.data.dicom.header import load
from radcnn.data.dicom.reader import read_dicom
from radcnn.data.dicom.slices import slices_of
from radcnn.data.dicom.upright import Tilt, upright
from written_dicom import write_enhanced, write_stack

SPACING = (0.9, 0.7)  # rows, columns
CENTRES = np.array([[0.0, 0.0, 0.0], [11.0, -13.0, 18.0], [-14.0, 12.0, -17.0], [3.0, 17.0, 8.0]])
RADIUS = 5.0


def sphere(points: NDArray, centre: NDArray, edge: float = 3.0) -> NDArray:
    """A ball that fades over its edge, so that sampling it does not move its centre: 1 inside, 0 outside."""
    away = np.linalg.norm(points - centre, axis=-1)
    return np.clip(0.5 - (away - RADIUS) / edge, 0, 1)


def tilted_phantom(folder: Path, degrees: float, axis: str, step: float = 1.5, **attributes: Any) -> Path:
    """Spheres scanned by a tilted gantry: the table moves along z, slices are inclined about an image axis."""
    a = np.radians(degrees)
    right, down = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    if axis == "rows":
        down = np.array([0, np.cos(a), np.sin(a)])
    else:
        right = np.array([np.cos(a), 0, np.sin(a)])
    rows, columns, n = 64, 80, 40
    first = -right * SPACING[1] * (columns - 1) / 2 - down * SPACING[0] * (rows - 1) / 2
    first = first - [0, 0, step * (n - 1) / 2]
    r, c = np.mgrid[:rows, :columns]
    plane = r[..., None] * SPACING[0] * down + c[..., None] * SPACING[1] * right
    positions = first + np.arange(n)[:, None] * [0, 0, step]
    points = positions[:, None, None] + plane
    density = sum(sphere(points, centre) for centre in CENTRES)
    normal = np.cross(right, down)
    write_stack(
        folder,
        np.rint(1000 * density).astype(np.int16),
        first_mm=first,
        right=right,
        down=down,
        steps_mm=step * normal[2],
        lean_degrees=float(np.degrees(np.arctan2(((down if axis == "rows" else right)[2]), normal[2]))),
        lean_to="down" if axis == "rows" else "right",
        spacing=SPACING,
        **attributes,
    )
    return folder


def centroid_errors(volume: Volume) -> list[float]:
    """How far (mm) each sphere's centre of mass lies from where it was put."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in volume.size), indexing="ij"), axis=-1)
    points, weight = volume.world(index), volume.voxels[0] + 1024.0
    errors = []
    for centre in CENTRES:
        near = np.linalg.norm(points - centre, axis=-1) < RADIUS + 4
        found = (points[near] * weight[near][:, None]).sum(axis=0) / weight[near].sum()
        errors.append(float(np.linalg.norm(found - centre)))
    return errors


@pytest.mark.parametrize("axis", ["rows", "columns"])
@pytest.mark.parametrize("degrees", [10.0, 18.0, 25.0, -20.0])
def test_spheres_seen_by_a_tilted_gantry_stay_where_they_are(tmp_path: Path, degrees: float, axis: str) -> None:
    found = read_dicom(Source(tilted_phantom(tmp_path / "ct", degrees, axis)))
    volume = found.volume
    assert max(centroid_errors(volume)) < 0.1
    axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-6), "upright means right angles"
    assert volume.spacing_mm == pytest.approx((1.5 * np.cos(np.radians(degrees)), *SPACING), abs=1e-6)
    (noticed,) = found.findings
    grown = volume.size[1] - 64 if axis == "rows" else volume.size[2] - 80
    assert str(noticed) == (
        f"RC027 info: the slices of folder ct are stacked {abs(degrees):.1f} degrees off their normal (gantry tilt) "
        f"and were moved upright in their planes, which grew by {grown} {axis}"
    )


def test_every_upright_voxel_is_what_its_own_slice_shows_there(tmp_path: Path) -> None:
    """Against an independent resampling: each voxel's place in mm, looked up in the slice it belongs to."""
    from scipy.ndimage import map_coordinates

    numbers = np.random.default_rng(5).integers(0, 1000, (6, 12, 9)).astype(np.int16)
    place = {"first_mm": (4, -3, 11), "right": (0, 1, 0), "down": (0, 0, -1), "lean_degrees": 17.0, "steps_mm": 2.5}
    volume = read_dicom(Source(write_stack(tmp_path, numbers, **place))).volume
    normal, down = np.array([-1.0, 0, 0]), np.array([0, 0, -1.0])
    for i in range(6):
        origin = np.array([4, -3, 11]) + i * 2.5 * (normal + np.tan(np.radians(17)) * down)
        r, c = np.mgrid[: volume.size[1], : volume.size[2]]
        points = volume.world(np.stack([np.full_like(r, i), r, c], axis=-1)) - origin
        assert np.allclose(points @ normal, 0, atol=1e-6), "slices stay in their planes"
        at = np.stack([points @ down / 0.8, points @ [0, 1, 0] / 0.5])
        expected = map_coordinates(numbers[i].astype(float), at, order=1, mode="grid-constant", cval=numbers.min())
        assert np.allclose(volume.voxels[0, i], expected - 1024, atol=1e-3)


def test_nothing_is_cut_off_and_what_was_not_seen_is_air(tmp_path: Path) -> None:
    numbers = np.full((8, 10, 10), 500, np.int16)
    volume = read_dicom(Source(write_stack(tmp_path, numbers, lean_degrees=20.0, steps_mm=3.0))).volume
    assert (volume.voxels == -524).all(), "outside is the lowest value of the series, here that of the phantom itself"
    numbers[:, 0, 0] = 0
    volume = read_dicom(Source(write_stack(tmp_path, numbers, lean_degrees=20.0, steps_mm=3.0))).volume
    weight = volume.voxels[0] + 1024.0
    assert np.allclose(weight.sum(axis=(1, 2)), 500 * 99, rtol=1e-5)
    assert weight[0, -1, 5] == 0


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (15, "which grew by 5 rows"),
        (-15, "which grew by 5 rows"),
        (5, "which grew by 5 rows; GantryDetectorTilt says 5 degrees, the positions were used"),
    ],
)
def test_the_tilt_in_the_header_is_compared_and_never_trusted(tmp_path: Path, said: float, sentence: str) -> None:
    numbers = np.zeros((5, 4, 6), np.int16)
    folder = write_stack(tmp_path / "ct", numbers, lean_degrees=15.0, steps_mm=3.0, GantryDetectorTilt=said)
    found = read_dicom(Source(folder))
    assert str(found.findings[0]).endswith(sentence)
    assert len(found.findings) == 1


def test_a_tilt_that_positions_deny_is_a_finding(tmp_path: Path) -> None:
    folder = write_stack(tmp_path / "ct", np.zeros((5, 4, 6), np.int16), GantryDetectorTilt=12)
    found = read_dicom(Source(folder))
    assert str(found.findings[0]) == (
        "RC029 info: GantryDetectorTilt of folder ct says 12 degrees, but its slices are stacked along their normal; "
        "the positions were used"
    )
    assert found.volume.size == (5, 4, 6)


def test_a_lean_that_no_gantry_has_is_refused(tmp_path: Path) -> None:
    write_stack(tmp_path / "ct", np.zeros((5, 4, 6), np.int16), lean_degrees=50.0)
    with pytest.raises(GeometryError, match=r"stacked 50\.0 degrees off their normal, more than a tilted gantry makes"):
        read_dicom(Source(tmp_path / "ct"))


def test_a_lean_along_both_axes_moves_rows_and_columns(tmp_path: Path) -> None:
    lean = lambda i: {"ImagePositionPatient": [0.4 * i, -0.5 * i, 2 * i]}  # noqa: E731
    found = read_dicom(Source(write_stack(tmp_path / "ct", np.ones((5, 4, 6), np.int16), each=lean)))
    assert found.volume.size == (5, 7, 10)
    assert "which grew by 3 rows and 4 columns" in str(found.findings[0])
    assert np.allclose(found.volume.affine[:3, 3], (0, -2, 0))


def test_a_volume_that_would_grow_without_end_is_refused(tmp_path: Path) -> None:
    far = lambda i: {"ImagePositionPatient": [0, 1e5 * i, 2e5 * i]}  # noqa: E731
    write_stack(tmp_path / "ct", np.ones((5, 200, 6), np.int16), each=far, spacing=(0.001, 0.5))
    with pytest.raises(GeometryError, match="folder ct would have more than 2,000,000,000 voxels once it is placed"):
        read_dicom(Source(tmp_path / "ct"))


def test_rounded_positions_of_thin_slices_are_no_tilt(tmp_path: Path) -> None:
    """Two slices 0.1 mm apart whose positions were rounded lean by 5 degrees, and nobody tilted anything."""
    write_stack(tmp_path, np.zeros((2, 4, 6), np.int16), steps_mm=0.1, lean_degrees=5.0)
    found = read_dicom(Source(tmp_path))
    assert (found.volume.size, found.findings) == ((2, 4, 6), ())


def test_a_tilted_enhanced_image_is_made_upright_too(tmp_path: Path) -> None:
    step = 3.0 * (np.array([0, 0, 1.0]) + np.tan(np.radians(15)) * np.array([0, 1.0, 0]))
    found = read_dicom(Source(write_enhanced(tmp_path / "ct.dcm", np.ones((5, 4, 6), np.int16), step_mm=step)))
    assert found.volume.size == (5, 9, 6)
    assert [each.code for each in found.findings] == ["RC027"]


def test_labels_are_moved_to_the_nearest_pixel_and_keep_their_values(tmp_path: Path) -> None:
    folder = write_stack(tmp_path, np.zeros((6, 12, 9), np.int16), lean_degrees=17.0)
    slices = [each for path in sorted(folder.iterdir()) for each in slices_of(path.name, load(path, pixels=False))]
    arrangement = arrange(slices, whose="folder ct")
    labels = np.random.default_rng(0).integers(0, 4, (1, 6, 12, 9)).astype(np.uint8)
    moved, affine = finished(labels, arrangement, 0, labels=True)
    assert moved.dtype == np.uint8
    assert moved.shape[1:] == arrangement.finished_size
    assert [(moved == k).sum() for k in (1, 2, 3)] == [(labels == k).sum() for k in (1, 2, 3)]
    assert affine is not None


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
def test_numbers_keep_their_type_and_their_sum(kind: type) -> None:
    shifts = np.array([[0.0, 0.0], [-1.3, 0.25], [-2.6, 0.5]])
    image = np.zeros((1, 3, 8, 8), kind)
    image[:, :, 3:5, 3:5] = 100
    made = upright(image, Tilt(10.0, shifts), 0)
    assert (made.dtype, made.shape) == (kind, (1, 3, 11, 9))
    assert np.allclose(made.sum(axis=(0, 2, 3), dtype=float), 400, atol=4)


def test_whole_steps_are_moved_without_any_blur() -> None:
    image = np.random.default_rng(0).integers(0, 1000, (1, 3, 8, 8)).astype(np.int16)
    made = upright(image, Tilt(10.0, np.array([[0.0, 0], [2, 0], [4, 0]])), -1)
    assert np.array_equal(made[:, 1, 2:10], image[:, 1])
    assert (made[:, 1, :2] == -1).all()
    assert (made[:, 1, 10:] == -1).all()
