"""Contours become the voxels whose centres they enclose, on the image they were drawn on, or are refused in mm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from radcnn.core.errors import InputError, MisfitError, RadcnnError, ReadError
from radcnn.core.volume import Volume
from radcnn.data.masks.contours import rtstruct_contours
from radcnn.data.masks.mask import Mask
from radcnn.data.masks.outlining import mask_of_contours
from radcnn.data.masks.read import read_mask
from radcnn.data.masks.scanline import inside
from radcnn.data.read import read
from written_dicom import FRAME, write_rtstruct, write_stack

GENERATOR = np.random.default_rng(5)


def ct(size: tuple[int, int, int] = (8, 40, 50), affine: NDArray | None = None) -> Volume:
    """An axial CT of 2 x 1 x 1 mm, its first voxel at 0, unless an affine says otherwise."""
    usual = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1.0]])
    return Volume(np.zeros((1, *size), np.int16), usual if affine is None else affine, "HU")


def ring(centre: tuple[float, float], radius: float, z: float, n: int = 360) -> NDArray:
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle), np.full(n, z)], axis=1)


def rectangle(x: tuple[float, float], y: tuple[float, float], z: float) -> NDArray:
    return np.array([(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)])


def labels(mask: Mask) -> NDArray:
    return mask.volume.voxels[0]


def inside_by_hand(outlines: list[NDArray], rows: int, columns: int) -> NDArray:
    """Pixel by pixel, edge by edge: a ray to the left of each centre crosses the outlines an odd number of times."""
    made = np.zeros((rows, columns), bool)
    for r in range(rows):
        for c in range(columns):
            for outline in outlines:
                for (r0, c0), (r1, c1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
                    if (r0 > r) != (r1 > r) and c0 + (r - r0) * (c1 - c0) / (r1 - r0) <= c:
                        made[r, c] ^= True
    return made


@pytest.mark.parametrize("seed", range(12))
def test_the_scanline_finds_the_centres_that_a_ray_finds(seed: int) -> None:
    generator = np.random.default_rng(seed)
    outlines = [generator.uniform(-4, 20, (generator.integers(3, 12), 2)) for _ in range(1 + seed % 4)]
    if seed % 3 == 0:
        outlines = [np.round(outline * 2) / 2 for outline in outlines]  # vertices on centres and between them
    outlines = [np.round(outline, 6) for outline in outlines]
    assert np.array_equal(inside(outlines, 14, 17), inside_by_hand(outlines, 14, 17))


def test_regions_that_share_an_edge_share_no_pixel_and_leave_none_out() -> None:
    corners = np.array([(1.0, 1.0), (1.0, 9.0), (9.0, 9.0), (9.0, 1.0)])
    centre = np.array([(4.0, 6.0)])
    parts = [np.concatenate([corners[[i, (i + 1) % 4]], centre]) for i in range(4)]
    together = sum(inside([part], 12, 12).astype(int) for part in parts)
    assert np.array_equal(together, inside([corners], 12, 12).astype(int))


def test_many_crossings_are_counted_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    outlines = [GENERATOR.uniform(0, 60, (80, 2))]
    whole = inside(outlines, 60, 60)
    monkeypatch.setattr("radcnn.data.masks.scanline.CROSSINGS_AT_ONCE", 100)
    assert np.array_equal(inside(outlines, 60, 60), whole)


@pytest.mark.parametrize("centre", [(25.0, 20.0), (24.3, 19.6)])
def test_a_cylinder_keeps_its_volume_and_its_centre(tmp_path: Path, centre: tuple[float, float]) -> None:
    path = write_rtstruct(tmp_path / "a.dcm", {3: [ring(centre, 15.0, 2.0 * k) for k in range(1, 6)]})
    found = labels(read_mask(path, ct(), frame_of_reference=FRAME)) == 3
    assert found.sum() * 2.0 == pytest.approx(np.pi * 15**2 * 10, rel=0.02)
    assert np.flatnonzero(found.any(axis=(1, 2))).tolist() == [1, 2, 3, 4, 5]
    z, y, x = np.argwhere(found).mean(axis=0)
    assert (x, y, 2 * z) == pytest.approx((*centre, 6.0), abs=0.1)


@pytest.mark.parametrize("turn", ["axial", "sagittal", "oblique"])
def test_a_sphere_keeps_its_volume_and_its_centre_in_any_orientation(tmp_path: Path, turn: str) -> None:
    axes = {
        "axial": np.array([[0, 0, 0.7], [0, 0.7, 0], [1.0, 0, 0]]),
        "sagittal": np.array([[1.0, 0, 0], [0, 0, 0.7], [0, -0.7, 0]]),
        "oblique": np.linalg.qr(GENERATOR.normal(size=(3, 3)))[0] * (1.0, 0.7, 0.7),
    }[turn]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, (-40.3, 12.6, 71.9)
    image = ct((44, 60, 60), affine)
    middle, radius = image.world((21.3, 29.6, 30.2)), 18.0
    contours = []
    for at in range(44):
        depth = at - 21.3
        if abs(depth) < radius:
            index = np.full((400, 3), float(at))
            angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
            wide = np.sqrt(radius**2 - depth**2) / 0.7
            index[:, 1], index[:, 2] = 29.6 + wide * np.sin(angle), 30.2 + wide * np.cos(angle)
            contours.append(image.world(index))
    mask = read_mask(write_rtstruct(tmp_path / "a.dcm", {1: contours}), image, frame_of_reference=FRAME)
    volume = mask.counts()[1] * 0.49
    assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.02)
    assert image.world(np.argwhere(labels(mask)).mean(axis=0)) == pytest.approx(middle, abs=0.1)
    assert mask.notes == ()


def test_a_contour_inside_another_is_a_hole_and_an_island_in_it_is_not(tmp_path: Path) -> None:
    rings = [ring((25.0, 20.0), radius, 4.0) for radius in (15.0, 10.0, 4.0)]
    found = labels(read_mask(write_rtstruct(tmp_path / "a.dcm", {1: rings}, kind="CLOSEDPLANAR_XOR"), ct()))
    assert found[2].sum() == pytest.approx(np.pi * (15**2 - 10**2 + 4**2), rel=0.02)
    assert (found[2, 20, 25], found[2, 20, 25 + 7], found[2, 20, 25 + 12]) == (1, 0, 1)


def test_a_keyhole_makes_the_same_hole_and_its_channel_leaves_no_trace(tmp_path: Path) -> None:
    outer, inner = ring((25.0, 20.0), 15.3, 4.0), ring((25.0, 20.0), 6.1, 4.0)[::-1]
    keyhole = np.concatenate([outer, outer[:1], inner[-1:], inner, inner[-1:], outer[:1]])
    ours = labels(read_mask(write_rtstruct(tmp_path / "a.dcm", {1: [keyhole]}), ct()))
    hole = labels(read_mask(write_rtstruct(tmp_path / "b.dcm", {1: [outer, inner]}), ct()))
    assert np.array_equal(ours, hole)
    assert ours[2, 20, 25] == 0


def test_regions_become_labels_and_one_is_chosen_by_number_or_name(tmp_path: Path) -> None:
    rois = {2: [rectangle((1.5, 5.5), (1.5, 5.5), 2.0)], 7: [rectangle((9.5, 12.5), (1.5, 5.5), 2.0)]}
    path = write_rtstruct(tmp_path / "a.dcm", rois, names={2: "PTV of Mr Miller", 7: "Lung"})
    whole = read_mask(path, ct(), frame_of_reference=FRAME)
    assert whole.counts() == {2: 16, 7: 12}
    assert dict(whole.names) == {2: "PTV of Mr Miller", 7: "Lung"}
    assert read_mask(path, ct(), segment=7).counts() == {7: 12}
    assert read_mask(path, ct(), segment="lung").counts() == {7: 12}
    with pytest.raises(InputError, match=r"choose one by its number \(segment\): 2, 7") as error:
        read_mask(path, ct(), segment="Miller")
    told = str(error.value) + repr(whole) + repr(rtstruct_contours("a.dcm", pydicom.dcmread(path))[0])
    assert "Miller" not in told


def test_regions_asked_for_by_name_become_labels_in_that_order(tmp_path: Path) -> None:
    rois = {
        2: [rectangle((1.5, 5.5), (1.5, 5.5), 2.0)], 7: [rectangle((3.5, 12.5), (1.5, 5.5), 2.0)],
        8: [rectangle((20.5, 22.5), (1.5, 5.5), 2.0)],
    }  # fmt: skip
    path = write_rtstruct(tmp_path / "a.dcm", rois, names={2: "GTV 1", 7: "Lung", 8: "External"})
    mask = read_mask(path, ct(), segments=("lung", "gtv*"), overlap="higher")
    assert mask.counts() == {1: 28, 2: 16}
    assert dict(mask.names) == {1: "lung", 2: "gtv*"}


def test_overlapping_regions_are_refused_unless_the_higher_number_wins(tmp_path: Path) -> None:
    rois = {1: [rectangle((1.5, 5.5), (1.5, 5.5), 2.0)], 2: [rectangle((4.5, 8.5), (1.5, 5.5), 2.0)]}
    path = write_rtstruct(tmp_path / "a.dcm", rois)
    with pytest.raises(InputError, match=r"labels 1 and 2 of a\.dcm overlap"):
        read_mask(path, ct())
    mask = read_mask(path, ct(), overlap="higher")
    assert mask.counts() == {1: 12, 2: 16}
    assert any("overlap in 4 voxels" in note for note in mask.notes)


def test_numbers_that_cannot_be_labels_are_replaced_and_said(tmp_path: Path) -> None:
    path = write_rtstruct(tmp_path / "a.dcm", {0: [rectangle((1.5, 5.5), (1.5, 5.5), 2.0)], 70000: []})
    mask = read_mask(path, ct())
    assert mask.counts() == {1: 16}
    assert mask.names[1] == "roi 0"
    assert any("count the ROIs from 1" in note for note in mask.notes)


@pytest.mark.parametrize("kind", ["POINT", "OPEN_PLANAR", "OPEN_NONPLANAR", "SECRET"])
def test_points_and_open_contours_enclose_nothing(tmp_path: Path, kind: str) -> None:
    path = write_rtstruct(tmp_path / "a.dcm", {1: [rectangle((1.5, 5.5), (1.5, 5.5), 2.0)]}, kind=kind)
    mask = read_mask(path, ct())
    assert mask.counts() == {}
    assert mask.notes == ("1 of 1 contours are points or open, and were left out",)
    with pytest.raises(InputError, match="encloses nothing"):
        read_mask(path, ct(), segment=1)


def test_gaps_between_contours_stay_empty_and_are_said(tmp_path: Path) -> None:
    path = write_rtstruct(tmp_path / "a.dcm", {1: [ring((25.0, 20.0), 5.0, z) for z in (2.0, 4.0, 8.0)]})
    mask = read_mask(path, ct(), frame_of_reference=FRAME)
    assert not labels(mask)[3].any()
    assert mask.notes == ("label 1 has contours on 3 of the 4 slices it spans; no others were filled",)


def test_of_contours_denser_than_slices_the_nearest_plane_is_taken(tmp_path: Path) -> None:
    planes = {3.4: 4.0, 4.1: 8.0, 4.6: 5.0}
    path = write_rtstruct(tmp_path / "a.dcm", {1: [ring((25.3, 19.6), r, z) for z, r in planes.items()]})
    mask = read_mask(path, ct(), frame_of_reference=FRAME)
    assert mask.counts()[1] == pytest.approx(np.pi * 8**2, rel=0.02)
    assert mask.notes == ("label 1 has 2 contours between slices, which were left out",)


@pytest.mark.parametrize(
    ("planes", "off"),
    [
        ((1.0, 5.0, 9.0), "1 mm"),
        ((2.5, 4.5, 6.5), "0.5 mm"),
        ((2.0, 4.0, 6.4), "0.4 mm"),
        ((7.3,), "0.7 mm"),
        ((3.0, 3.06, 5.0, 5.06, 5.12), "0.94 mm"),
    ],
    ids=["half way, every other slice", "a constant shift", "one of three", "a single one", "several in a plane"],
)
def test_a_contour_beside_its_slice_is_refused_with_its_distance(
    tmp_path: Path, planes: tuple[float, ...], off: str
) -> None:
    path = write_rtstruct(tmp_path / "a.dcm", {1: [ring((25.0, 20.0), 5.0, z) for z in planes]})
    with pytest.raises(MisfitError, match=rf"a contour of label 1 lies {off} beside the nearest slice") as error:
        read_mask(path, ct(), frame_of_reference=FRAME)
    assert error.value.what == "place"
    assert error.value.off_mm == pytest.approx(float(off.split()[0]))


def test_rounded_coordinates_move_no_contour_off_its_slice(tmp_path: Path) -> None:
    path = write_rtstruct(tmp_path / "a.dcm", {1: [ring((25.0, 20.0), 5.0, z) for z in (2.15, 4.1, 5.85)]})
    mask = read_mask(path, ct(), frame_of_reference=FRAME)
    assert np.flatnonzero(labels(mask).any(axis=(1, 2))).tolist() == [1, 2, 3]
    assert mask.notes == ()


def test_dense_contours_fill_no_slice_beyond_their_ends(tmp_path: Path) -> None:
    """Planes 0.5 mm apart from 3.4 to 7.4 mm: the slices at 4 and 6 mm lie among them, that at 8 mm does not."""
    planes = np.arange(3.4, 7.5, 0.5)
    path = write_rtstruct(tmp_path / "a.dcm", {1: [ring((25.3, 19.6), 5.0, z) for z in planes]})
    mask = read_mask(path, ct(), frame_of_reference=FRAME)
    assert np.flatnonzero(labels(mask).any(axis=(1, 2))).tolist() == [2, 3]
    assert mask.notes == (f"label 1 has {len(planes) - 2} contours between slices, which were left out",)


def test_dense_contours_between_two_slices_enclose_nothing(tmp_path: Path) -> None:
    path = write_rtstruct(tmp_path / "a.dcm", {1: [ring((25.3, 19.6), 5.0, z) for z in (2.8, 3.0, 3.2)]})
    mask = read_mask(path, ct(), frame_of_reference=FRAME)
    assert mask.counts() == {}
    assert mask.notes == (
        "label 1 has 3 contours between slices, which were left out", "label 1 encloses no voxel's centre"
    )  # fmt: skip


@pytest.mark.parametrize(
    "again",
    [
        lambda outline: outline,
        lambda outline: np.roll(outline, 7, axis=0),
        lambda outline: np.roll(outline, 7, axis=0)[::-1],
        lambda outline: np.concatenate([outline, outline[:1]]),
    ],
    ids=["as it is", "begun elsewhere", "walked back", "closed by hand"],
)
def test_a_contour_that_is_there_twice_does_not_cancel_itself(
    tmp_path: Path, again: Callable[[NDArray], NDArray]
) -> None:
    outline = ring((25.3, 19.6), 5.0, 4.0)
    path = write_rtstruct(tmp_path / "a.dcm", {1: [outline, again(outline)]})
    mask = read_mask(path, ct(), frame_of_reference=FRAME)
    assert mask.counts()[1] == pytest.approx(np.pi * 25, rel=0.05)
    assert mask.notes == ("label 1 has 1 contours that stand there twice; they count once",)


def test_what_reaches_beyond_the_image_is_cut_and_what_is_too_small_is_said(tmp_path: Path) -> None:
    rois = {1: [rectangle((40.5, 99.0), (10.5, 20.5), 4.0)], 2: [rectangle((3.2, 3.8), (3.2, 3.8), 4.0)]}
    mask = read_mask(write_rtstruct(tmp_path / "a.dcm", rois), ct(), frame_of_reference=FRAME)
    assert mask.counts() == {1: 9 * 10}
    assert "label 1 reaches beyond the rows and columns of the image; what lies outside was cut off" in mask.notes
    assert "label 2 encloses no voxel's centre" in mask.notes


@pytest.mark.parametrize(
    ("contour", "what", "said"),
    [
        (ring((25.0, 20.0), 5.0, 16.2), "place", "lies 2.2 mm outside the image"),
        (ring((25.0, 20.0), 5.0, -1.5), "place", "lies 1.5 mm outside the image"),
        (ring((25.0, 20.0), 5.0, 4.0)[:, [0, 2, 1]], "orientation", "its points are 10 mm apart across them"),
    ],
)
def test_a_contour_in_no_slice_is_refused_with_its_distance(
    tmp_path: Path, contour: NDArray, what: str, said: str
) -> None:
    with pytest.raises(MisfitError, match=rf"^a\.dcm does not fit its image: a contour of label 1 .*{said}") as error:
        read_mask(write_rtstruct(tmp_path / "a.dcm", {1: [contour]}), ct())
    assert error.value.what == what


def test_another_frame_of_reference_is_refused(tmp_path: Path) -> None:
    path = write_rtstruct(tmp_path / "a.dcm", {1: [ring((25.0, 20.0), 5.0, 4.0)]}, reference="2.25.78")
    with pytest.raises(MisfitError, match="FrameOfReferenceUID differs") as error:
        read_mask(path, ct(), frame_of_reference=FRAME)
    assert error.value.what == "frame of reference"
    assert "2.25" not in str(error.value)


def test_an_image_without_place_takes_no_contours(tmp_path: Path) -> None:
    path = write_rtstruct(tmp_path / "a.dcm", {1: [ring((25.0, 20.0), 5.0, 4.0)]})
    with pytest.raises(MisfitError, match="does not say where in the patient it lies"):
        read_mask(path, Volume.from_spacing(np.zeros((1, 8, 40, 50)), (2.0, 1.0, 1.0)))


def test_contours_lie_on_the_slices_of_a_series_that_was_read(tmp_path: Path) -> None:
    """The whole way: right x down, decreasing order and spacings come from the files."""
    image = read(
        write_stack(
            tmp_path / "ct", np.zeros((4, 30, 40), np.int16), first_mm=(-90, 50, 20), right=(0.0, 1.0, 0.0),
            down=(0.0, 0.0, -1.0), steps_mm=3.0, order=(2, 0, 3, 1),
        )
    )  # fmt: skip
    corners = image.world([(1, 4.5, 9.5), (1, 4.5, 19.5), (1, 24.5, 19.5), (1, 24.5, 9.5)])
    found = labels(read_mask(write_rtstruct(tmp_path / "a.dcm", {1: [corners]}), image))
    assert np.argwhere(found).min(axis=0).tolist() == [1, 5, 10]
    assert np.argwhere(found).max(axis=0).tolist() == [1, 24, 19]
    assert found.sum() == 200


def damaged_points(dataset: Any) -> None:
    dataset.ROIContourSequence[0].ContourSequence[0].ContourData = [1.0, 2.0, 3.0, 4.0]


def damaged_reference(dataset: Any) -> None:
    dataset.ROIContourSequence[0].ReferencedROINumber = 9


def damaged_number(dataset: Any) -> None:
    dataset.StructureSetROISequence[1].ROINumber = 1


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damaged_points, "points are not x, y, z in mm"),
        (damaged_reference, "a region of interest that it does not list"),
        (damaged_number, "gives two regions of interest one number"),
    ],
)
def test_a_damaged_structure_set_is_refused_in_one_sentence(tmp_path: Path, damage: Any, said: str) -> None:
    contours = [ring((25.0, 20.0), 5.0, 4.0)]
    path = write_rtstruct(tmp_path / "a.dcm", {1: contours, 2: contours})
    dataset = pydicom.dcmread(path)
    damage(dataset)
    dataset.save_as(path)
    with pytest.raises(ReadError, match=rf"^a\.dcm .*{said}"):
        read_mask(path, ct())


def test_changed_bytes_give_a_mask_or_a_sentence(tmp_path: Path) -> None:
    path = write_rtstruct(tmp_path / "a.dcm", {1: [ring((25.0, 20.0), 5.0, z, 12) for z in (2.0, 4.0)]})
    content, image = path.read_bytes(), ct()
    for seed in range(150):
        generator = np.random.default_rng(seed)
        changed = bytearray(content)
        for at in generator.integers(0, len(content), 1 + seed % 5):
            changed[at] = generator.integers(256)
        path.write_bytes(changed if seed % 5 else changed[: len(content) * seed // 150])
        told = mask_or_sentence(path, image)
        assert ("a.dcm" in told) == (told != "")
        assert str(tmp_path) not in told
        assert "Secret" not in told


def mask_or_sentence(path: Path, image: Volume) -> str:
    """What is said where a mask is refused; "" where it is read. Anything else fails the test."""
    try:
        read_mask(path, image, overlap="higher")
    except RadcnnError as error:
        return str(error)
    return ""


def test_the_real_structure_set_is_refused_as_a_file_and_right_as_a_data_set(real_data: Path) -> None:
    """It lacks DICOM's preamble; its body outline is a box of 400 x 300 mm with two corners cut off."""
    path = real_data / "dicom" / "pydicom" / "test_files" / "rtstruct.dcm"
    affine = np.array([[0, 0, 2.0, -249], [0, 2.0, 0, -199], [200.0, 0, 0, -200], [0, 0, 0, 1]])
    image = ct((3, 200, 250), affine)
    with pytest.raises(ReadError, match="lacks DICOM's preamble"):
        read_mask(path, image)
    found, points = rtstruct_contours("rtstruct.dcm", pydicom.dcmread(path, force=True))
    mask = mask_of_contours(found, points, image)
    x, y = points[:5, 0], points[:5, 1]
    area = 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    assert (labels(mask)[0] == 1).sum() * 4 == pytest.approx(area, rel=0.001)
    assert mask.counts().keys() == {1}
    assert dict(mask.names) == {1: "patient", 2: "Isocenter 1", 3: "Isocenter 2"}
    assert "2 of 5 contours are points or open, and were left out" in mask.notes
