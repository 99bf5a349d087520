"""Series derived from DICOM: the same place, values in HU, new identifiers, and what they came from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from highdicom.color import CIELabColor
from pydicom.uid import ComputedRadiographyImageStorage

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError, InputError
from radcnn.data.dicom import outlined
from radcnn.data.dicom.derived import Derivation, write_derived
from radcnn.data.dicom.outlined import write_segments
from radcnn.data.masks.read import read_mask
from radcnn.data.read import read_noted
from written_dicom import write_enhanced, write_stack, written

SAID = Derivation("made by a test", "test")


def source(folder: Path, **attributes: object) -> Path:
    stored = np.arange(4 * 6 * 5, dtype=np.int16).reshape(4, 6, 5)
    return write_stack(folder, stored, order=[2, 0, 3, 1], PatientID="MRN1", **attributes)  # type: ignore[arg-type]


def test_values_and_place_come_back(tmp_path: Path) -> None:
    read = read_noted(Source(source(tmp_path / "in")))
    changed = read.volume.with_voxels(read.volume.voxels.astype(np.float32) * 2 - 500)
    write_derived(changed, read.files, tmp_path_out(tmp_path), SAID)
    again = read_noted(Source(tmp_path / "out")).volume
    assert again.units == "HU"
    assert np.array_equal(again.voxels, changed.voxels)
    assert np.array_equal(again.affine, read.volume.affine)  # type: ignore[arg-type]


def tmp_path_out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_identifiers_are_new_and_the_source_is_named(tmp_path: Path) -> None:
    read = read_noted(Source(source(tmp_path / "in")))
    made = write_derived(read.volume, read.files, tmp_path_out(tmp_path), SAID)
    before = {str(pydicom.dcmread(file).SOPInstanceUID): pydicom.dcmread(file) for file in read.files}
    after = [pydicom.dcmread(file) for file in made]
    assert len({d.SOPInstanceUID for d in after}) == 4
    assert len({d.SeriesInstanceUID for d in after}) == 1
    for dataset in after:
        (one,) = dataset.SourceImageSequence
        came = before[one.ReferencedSOPInstanceUID]
        assert dataset.SOPInstanceUID not in before
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        assert dataset.SeriesInstanceUID != came.SeriesInstanceUID
        for name in ("StudyInstanceUID", "PatientID", "ImagePositionPatient", "PixelSpacing", "FrameOfReferenceUID"):
            assert dataset.get(name) == came.get(name), name
        assert list(dataset.ImageType)[:2] == ["DERIVED", "SECONDARY"]
        assert dataset.DerivationDescription == "made by a test"
        assert (float(dataset.RescaleSlope), float(dataset.RescaleIntercept)) == (1.0, -1024.0)
        assert dataset.RescaleType == "HU"


def emptied(folder: Path) -> tuple[Path, list[str]]:
    """A series as some de-identification leaves it: without identifiers, but for the file's own header."""
    known = []
    for file in sorted(source(folder).iterdir()):
        dataset = pydicom.dcmread(file)
        known.append(str(dataset.SOPInstanceUID))
        for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
            setattr(dataset, keyword, "")
        dataset.save_as(file)
    return folder, known


def test_identifiers_that_were_emptied_are_filled(tmp_path: Path) -> None:
    series, known = emptied(tmp_path / "in")
    read = read_noted(Source(series))
    made = [pydicom.dcmread(file) for file in write_derived(read.volume, read.files, tmp_path_out(tmp_path), SAID)]
    assert {str(d.SOPClassUID) for d in made} == {"1.2.840.10008.5.1.4.1.1.2"}
    assert len({d.StudyInstanceUID for d in made} | {""}) == 2
    assert {str(d.SourceImageSequence[0].ReferencedSOPInstanceUID) for d in made} == set(known)
    write_segments(read.volume.voxels > 50, ["bright"], read.volume, read.files, tmp_path / "seg.dcm", "test")
    segments = pydicom.dcmread(tmp_path / "seg.dcm")
    (referenced,) = segments.ReferencedSeriesSequence
    assert {str(one.ReferencedSOPInstanceUID) for one in referenced.ReferencedInstanceSequence} == set(known)
    assert segments.ContentCreatorName == ""
    for file in series.iterdir():
        dataset = pydicom.dcmread(file)
        del dataset.file_meta.MediaStorageSOPClassUID
        dataset.save_as(file, enforce_file_format=False)
    with pytest.raises(InputError, match="which kind of image it is"):
        write_segments(read.volume.voxels > 50, ["bright"], read.volume, read.files, tmp_path / "seg.dcm", "test")


def test_values_that_are_no_hu_are_not_called_so(tmp_path: Path) -> None:
    read = read_noted(Source(source(tmp_path / "in")))
    made = write_derived(replace(read.volume, units="arbitrary"), read.files, tmp_path_out(tmp_path), SAID)
    assert {pydicom.dcmread(file).RescaleType for file in made} == {"US"}  # unspecified


def test_what_spoke_of_the_old_pixels_is_gone(tmp_path: Path) -> None:
    folder = source(tmp_path / "in", PixelPaddingValue=-5, SmallestImagePixelValue=0)
    read = read_noted(Source(folder))
    made = write_derived(read.volume, read.files, tmp_path_out(tmp_path), SAID)
    assert all("PixelPaddingValue" not in pydicom.dcmread(file) for file in made)


def test_values_beyond_16_bits_get_a_rescale_that_holds_them(tmp_path: Path) -> None:
    read = read_noted(Source(source(tmp_path / "in")))
    wide = read.volume.with_voxels(np.linspace(-3000, 90000, read.volume.voxels.size).reshape(read.volume.voxels.shape))
    write_derived(wide, read.files, tmp_path_out(tmp_path), SAID)
    again = read_noted(Source(tmp_path / "out")).volume
    assert np.abs(again.voxels - wide.voxels).max() < 1.0


def segmented(folder: Path, masks: np.ndarray, path: Path, **attributes: object) -> pydicom.Dataset:
    read = read_noted(Source(source(folder, **attributes)))
    names = [f"structure {k}" for k in range(len(masks))]
    write_segments(masks, names, read.volume, read.files, path, "test")
    for k, mask in enumerate(masks, start=1):
        assert np.array_equal(read_mask(path, read.volume, segment=k).volume.voxels[0] == k, mask)
    return pydicom.dcmread(path)


def test_structures_that_share_no_voxel_are_written_the_same_from_one_map_as_from_a_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.random.default_rng(0).integers(0, 4, (4, 6, 5))
    labels[2] = 0
    masks = np.stack([labels == k for k in (1, 2, 3)])
    assert outlined.as_pixels(masks).ndim == 3
    first = segmented(tmp_path / "in", masks, tmp_path / "map.dcm")
    monkeypatch.setattr(outlined, "as_pixels", lambda masks: np.moveaxis(masks, 0, -1))
    second = segmented(tmp_path / "in", masks, tmp_path / "stack.dcm")
    assert first.PixelData == second.PixelData
    for name in ("PerFrameFunctionalGroupsSequence", "SegmentSequence", "SegmentsOverlap", "NumberOfFrames"):
        assert first[name].to_json() == second[name].to_json(), name


def test_structures_that_share_voxels_keep_them(tmp_path: Path) -> None:
    masks = np.zeros((2, 4, 6, 5), bool)
    masks[0, 1:3], masks[1, 2, 2:4] = True, True
    assert segmented(tmp_path / "in", masks, tmp_path / "seg.dcm").SegmentsOverlap == "YES"


def test_segments_have_colours_that_an_eye_tells_apart(tmp_path: Path) -> None:
    colours = np.array(outlined.COLOURS, float)
    apart = np.linalg.norm(colours[:, None] - colours[None], axis=-1)
    assert apart[~np.eye(len(colours), dtype=bool)].min() > 30
    masks = np.zeros((3, 4, 6, 5), bool)
    masks[0, 0, 0, 0] = masks[1, 0, 0, 1] = masks[2, 0, 0, 2] = True
    made = segmented(tmp_path / "in", masks, tmp_path / "seg.dcm")
    for segment, (light, a, b) in zip(made.SegmentSequence, outlined.COLOURS, strict=False):
        stored = CIELabColor.from_dicom_value(tuple(segment.RecommendedDisplayCIELabValue))
        assert (stored.l_star, stored.a_star, stored.b_star) == pytest.approx((light, a, b), abs=0.01)


def test_slices_may_be_off_as_far_as_the_reader_lets_them(tmp_path: Path) -> None:
    stored = np.arange(21 * 6 * 5, dtype=np.int16).reshape(21, 6, 5)
    steps = np.array([2.018] * 10 + [1.982] * 10)  # 0.09 of a slice off in the middle
    depths = np.concatenate([[0.0], np.cumsum(steps)])

    def aside(i: int) -> dict[str, object]:
        return {"ImagePositionPatient": [0.045 * (i == 7), 0.0, round(float(depths[i]), 6)]}  # 0.09 of a pixel

    read = read_noted(Source(write_stack(tmp_path / "in", stored, steps_mm=steps, each=aside)))
    write_segments(read.volume.voxels > 50, ["bright"], read.volume, read.files, tmp_path / "seg.dcm", "test")
    assert len(write_derived(read.volume, read.files, tmp_path_out(tmp_path), SAID)) == 21


def test_a_radiograph_without_a_place_has_its_segmentation_object(tmp_path: Path) -> None:
    file = written(
        tmp_path / "cr.dcm", np.arange(80, dtype=np.uint16).reshape(8, 10), Modality="CR", PatientID="1",
        SOPClassUID=ComputedRadiographyImageStorage, ImagerPixelSpacing=["0.2", "0.2"],
    )  # fmt: skip
    read = read_noted(Source(file))
    write_segments(read.volume.voxels > 50, ["bright"], read.volume, read.files, tmp_path / "seg.dcm", "test")
    found = read_mask(tmp_path / "seg.dcm", read.volume).volume.voxels
    assert np.array_equal(found > 0, read.volume.voxels > 50)


def refused_segments(source: Source) -> str:
    read, path = read_noted(source), source.path.parent / "seg.dcm"
    with pytest.raises(InputError) as refused:
        write_segments(read.volume.voxels > 50, ["bright"], read.volume, read.files, path, "test")
    assert not path.exists()
    return str(refused.value)


def test_what_a_segmentation_object_cannot_refer_to_is_said(tmp_path: Path) -> None:
    stored = np.arange(6 * 6 * 5, dtype=np.int16).reshape(6, 6, 5)
    tilted = write_stack(tmp_path / "tilted", stored, lean_degrees=12)
    assert "a tilt was made upright" in refused_segments(Source(tilted))
    gaps = write_stack(tmp_path / "gaps", stored, steps_mm=[2, 2, 4, 2, 2])
    assert "6 files were found for 7 slices" in refused_segments(Source(gaps, allow_gaps=True))
    enhanced = write_enhanced(tmp_path / "enhanced.dcm", stored)
    assert "frames of one file" in refused_segments(Source(enhanced))
    nowhere = write_stack(tmp_path / "nowhere", stored, FrameOfReferenceUID=None)
    assert "does not say its frame of reference" in refused_segments(Source(nowhere))
    lone = write_stack(tmp_path / "lone", stored[:1])
    assert "SliceThickness is missing" in refused_segments(Source(lone))
    strange = write_stack(tmp_path / "strange", stored, each=lambda i: {"StudyInstanceUID": f"2.25.{i + 1}"})
    assert "do not suffice for a segmentation object" in refused_segments(Source(strange))


def test_a_volume_that_lies_elsewhere_is_not_written(tmp_path: Path) -> None:
    read = read_noted(Source(source(tmp_path / "in")))
    assert read.volume.affine is not None
    moved = read.volume.affine.copy()
    moved[2, 3] += 1.0
    with pytest.raises(GeometryError, match="does not lie on the volume's grid"):
        write_derived(replace(read.volume, affine=moved), read.files, tmp_path_out(tmp_path), SAID)
    with pytest.raises(GeometryError, match="3 files were found for 4 slices"):
        write_derived(read.volume, read.files[1:], tmp_path / "out", SAID)
    smaller = read.volume.with_voxels(read.volume.voxels)
    with pytest.raises(GeometryError, match="is no slice of the volume"):
        write_derived(replace(smaller, voxels=smaller.voxels[..., :4]), read.files, tmp_path / "out", SAID)
    assert list((tmp_path / "out").iterdir()) == []
