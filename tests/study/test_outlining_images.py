"""Structures outlined in new images: what is written, how it is called, and what one bad image costs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from PIL import Image
from torch import Tensor

from cli_in_process import refused, spoken, told
from radcnn.core.case import Source
from radcnn.core.errors import InputError
from radcnn.core.volume import Volume
from radcnn.data.masks.read import read_mask
from radcnn.data.nifti import write_nifti
from radcnn.data.read import read_source
from radcnn.inference.bundle import verify
from radcnn.inference.segmenter import Segmenter, load_segmenter, save_segmenter
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.image_networks import build_image_network
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.study.listener import Silence
from radcnn.study.predicted import FailedImage, OutlinedImage
from radcnn.study.segmenting import predicting
from radcnn.study.segmenting.predicting import outline_images
from radcnn.transforms.intensity import Intensity
from written_dicom import write_enhanced, write_stack, written
from written_masks import affine, balls, write_series

PARTS = (Structure("organ", (1,)), Structure("lesion", (2,)))
REGIONS = (Structure("left lung", (1, 2)), Structure("left-lung", (2,)))


class Levels(ImageNetwork):
    """Outlines what is brighter than 0.25 and than 0.7 (of regions 0.55), and counts the images it was asked about."""

    halo = 0

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs, self.asked = outputs, 0
        self.maps = self._maps

    def _maps(self, x: Tensor) -> Tensor:
        self.asked += len(x)
        above = [50 * (x - 0.25), 50 * (x - 0.55)]
        if self.outputs == 2:
            return torch.cat(above, 1)
        return torch.cat([torch.zeros_like(x), above[0], 3 * above[1]], 1)


class Heard(Silence):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


class Bundle:
    """A bundle on the disk whose network is one by two levels."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **more: object) -> None:
        asked: dict[str, object] = {"structures": PARTS, "intensity": Intensity("window", 0, 1000), **more}
        plan = SegmentationPlan(
            NetworkPlan("modern_unet", {"kernels": [4, 6, 8], "supervised": 1}), TrainingPlan(epochs=1, batch=1),
            patch=(32, 32), **asked,  # type: ignore[arg-type]
        )  # fmt: skip
        network = build_image_network("modern_unet", outputs=plan.outputs, options=plan.network.options, seed=0)
        network.leave_out_auxiliary()
        save_segmenter(folder, Segmenter(plan, 1, hu=plan.units == "HU"), [network])
        self.folder, self.network, self.heard = folder, Levels(plan.outputs), Heard()
        monkeypatch.setattr(predicting, "load_segmenter", lambda folder: (load_segmenter(folder)[0], [self.network]))

    def outlined(self, images: Path, out: Path, **more: object) -> tuple[OutlinedImage | FailedImage, ...]:
        asked = {"series": None, "allow_gaps": None, "hu": False, **more}
        return outline_images(self.folder, images, out=out, listener=self.heard, **asked)  # type: ignore[arg-type]


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    return Bundle(tmp_path / "bundle", monkeypatch)


def bright(seed: int = 0) -> np.ndarray:
    """HU in which the large ball is 400 and the small one 800."""
    _, labels = balls(seed)
    return (400 * labels.astype(np.int16)).astype(np.int16)


def volumes(out: Path) -> dict:
    return json.loads((out / "volumes.json").read_text())


def write_ct(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(Volume(bright(seed)[None], affine(), "HU"), path)
    return path


def test_series_called_by_uids_do_not_overwrite_each_other(bundle: Bundle, tmp_path: Path) -> None:
    for k in (101, 102):
        write_series(tmp_path / "ct" / f"1.2.840.113619.2.55.3.{k}", bright(k))
    bundle.outlined(tmp_path / "ct", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *(f"1.2.840.113619.2.55.3.{k}.{ending}" for k in (101, 102) for ending in ("dcm", "nii.gz")), "volumes.json",
    ]  # fmt: skip


def test_a_series_that_is_given_as_a_dot_is_called_as_its_folder(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_series(tmp_path / "ct 7", bright()))
    (one,) = bundle.outlined(Path(), tmp_path / "out")
    assert (one.image, (tmp_path / "out" / "ct 7.nii.gz").is_file()) == ("ct 7", True)


def test_images_that_would_be_one_file_are_refused_before_anything_is_computed(bundle: Bundle, tmp_path: Path) -> None:
    write_ct(tmp_path / "ct" / "a.nii")
    write_ct(tmp_path / "ct" / "a.nii.gz")
    with pytest.raises(InputError, match="would both be written as a;"):
        bundle.outlined(tmp_path / "ct", tmp_path / "out")
    assert bundle.network.asked == 0
    assert not (tmp_path / "out").exists()


def test_what_is_written_is_told_with_its_numbers_and_by_which_network(bundle: Bundle, tmp_path: Path) -> None:
    write_ct(tmp_path / "ct" / "sub" / "a.nii.gz")
    series = write_series(tmp_path / "ct" / "sub" / "b", bright(1))
    (first, second) = bundle.outlined(tmp_path / "ct", tmp_path / "out")
    said = volumes(tmp_path / "out")
    assert (said["model"], said["coordinates"]) == (verify(bundle.folder), "LPS, mm")
    a, b = said["images"]
    assert a["masks"] == {
        "organ": {"file": "sub/a.nii.gz", "label": 1}, "lesion": {"file": "sub/a.nii.gz", "label": 2},
    }  # fmt: skip
    assert "seg" not in a
    assert b["seg"] == "sub/b.dcm"
    assert isinstance(first, OutlinedImage)
    assert isinstance(second, OutlinedImage)
    assert first.files == (tmp_path / "out" / "sub" / "a.nii.gz",)
    assert all(path.is_file() for path in second.files)
    image = read_source(Source(series))
    found = read_mask(second.path, image).volume.voxels[0]
    assert np.array_equal(found, np.digitize(image.voxels[0], (250, 550)))
    assert second.as_json() == b


def test_regions_have_files_of_their_own_whatever_they_are_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle(tmp_path / "bundle", monkeypatch, structures=REGIONS)
    write_ct(tmp_path / "a.nii.gz")
    (one,) = bundle.outlined(tmp_path / "a.nii.gz", tmp_path / "out")
    (said,) = volumes(tmp_path / "out")["images"]
    assert said["masks"] == {
        "left lung": {"file": "a-left-lung.nii.gz", "label": 1},
        "left-lung": {"file": "a-left-lung-2.nii.gz", "label": 1},
    }
    counts = [np.count_nonzero(read_source(Source(file)).voxels) for file in one.files]  # type: ignore[union-attr]
    assert counts == list(said["voxels"].values())
    assert counts[0] > counts[1] > 0


@pytest.mark.parametrize("what", ["tilted", "gaps", "enhanced", "nowhere"])
def test_a_mask_stays_where_there_cannot_be_a_segmentation_object(what: str, bundle: Bundle, tmp_path: Path) -> None:
    stored, place = bright() + np.int16(1024), tmp_path / "MRN 4711"
    if what == "enhanced":
        place = write_enhanced(tmp_path / "enhanced.dcm", stored, spacing=(1.0, 1.0))
    else:
        gaps = [3.0, 3, 3, 6, 3, 3, 3] if what == "gaps" else 3.0
        lean = 12.0 if what == "tilted" else 0.0
        more = {"FrameOfReferenceUID": None} if what == "nowhere" else {}
        write_stack(place, stored, spacing=(1.0, 1.0), steps_mm=gaps, lean_degrees=lean, **more)  # type: ignore[arg-type]
    (one,) = bundle.outlined(place, tmp_path / "out", allow_gaps=what == "gaps")
    (said,) = volumes(tmp_path / "out")["images"]
    assert said["seg"] is None
    assert any(said["seg_not_written"] in sentence for sentence in bundle.heard.said)
    image = read_source(Source(place, allow_gaps=what == "gaps"))
    assert (read_mask(one.path, image).volume.voxels > 0).sum() == sum(said["voxels"].values())  # type: ignore[union-attr]
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".gz", ".json"]
    parts = said["parts"]["organ"]
    assert all(("instance_number" in part) == (what in ("tilted", "nowhere")) for part in parts)
    if what in ("tilted", "gaps"):
        assert [one["code"] for one in said["findings"]] == ["RC027" if what == "tilted" else "RC028"]
        assert any("RC02" in sentence for sentence in bundle.heard.said)
        assert "MRN" not in json.dumps(said["findings"])


def test_one_damaged_file_does_not_lose_the_others(bundle: Bundle, tmp_path: Path) -> None:
    for name in ("a", "c"):
        write_ct(tmp_path / "ct" / f"{name}.nii.gz")
    (tmp_path / "ct" / "b.nii.gz").write_bytes(b"no image")
    result = spoken("predict", bundle.folder, tmp_path / "ct", "--out", tmp_path / "out", "--quiet")
    assert result.code == 1
    assert "b.nii.gz: FAILED: " in result.out
    a, b, c = volumes(tmp_path / "out")["images"]
    assert b.keys() == {"image", "failed"}
    assert a["voxels"] == c["voxels"]
    assert (tmp_path / "out" / "c.nii.gz").is_file()
    for name in ("a", "c"):
        (tmp_path / "ct" / f"{name}.nii.gz").write_bytes(b"no image")
    said = refused("predict", bundle.folder, tmp_path / "ct", "--out", tmp_path / "none", "--quiet")
    assert "none of 3 images could be used" in said
    assert not (tmp_path / "none").exists()


def picture(path: Path, seed: int = 0) -> np.ndarray:
    levels = np.random.default_rng(seed).integers(0, 256, (24, 30), dtype=np.uint8)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(levels).save(path)
    return levels


@pytest.mark.parametrize("label", [2, 300])
def test_pictures_have_masks_that_are_pictures(label: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    structures = (Structure("cell", (1,)), Structure("core", (label,)))
    bundle = Bundle(
        tmp_path / "bundle", monkeypatch, structures=structures, units="grey", intensity=Intensity("window", 0, 255)
    )
    levels = picture(tmp_path / "em" / "a.png")
    picture(tmp_path / "em" / "b.png", 1)
    bundle.outlined(tmp_path / "em", tmp_path / "out")
    wanted = np.array([0, 1, label])[np.digitize(levels / 255, (0.25, 0.7))]
    with Image.open(tmp_path / "out" / "a.png") as found:
        assert found.mode == ("L" if label < 256 else "I;16")
        assert np.array_equal(np.asarray(found), wanted)
    first, _ = volumes(tmp_path / "out")["images"]
    assert first["masks"]["core"] == {"file": "a.png", "label": label}
    assert "volumes_ml" not in first
    assert "touches_edge" not in first
    asked = bundle.network.asked
    with pytest.raises(InputError, match=r"give --out one\.png"):
        bundle.outlined(tmp_path / "em" / "a.png", tmp_path / "one.nii.gz")
    assert bundle.network.asked == asked
    bundle.outlined(tmp_path / "em" / "a.png", tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "out" / "a.png").read_bytes()
    with pytest.raises(InputError, match="exists already"):
        bundle.outlined(tmp_path / "em" / "a.png", tmp_path / "one.png")


def test_a_volume_without_millimetres_has_its_mask_in_an_npz_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle(tmp_path / "bundle", monkeypatch, units="arbitrary")
    np.savez(tmp_path / "a.npz", image=bright())
    (one,) = bundle.outlined(tmp_path / "a.npz", tmp_path / "out")
    image = read_source(Source(tmp_path / "a.npz"))
    assert one.path == tmp_path / "out" / "a.npz"  # type: ignore[union-attr]
    found = read_mask(one.path, image).volume.voxels[0]  # type: ignore[union-attr]
    assert np.array_equal(found, np.digitize(image.voxels[0], (250, 550)))


def test_all_parts_are_counted_and_the_slice_is_that_of_the_viewer(bundle: Bundle, tmp_path: Path) -> None:
    stored = np.full((6, 40, 40), 1024, np.int16)
    stored[2, ::4, ::4] = 1424  # 100 voxels that nothing joins
    stored[3, 1:3, 1:3] = 1424
    write_stack(tmp_path / "ct", stored, spacing=(1.0, 1.0), steps_mm=3.0, order=[5, 4, 3, 2, 1, 0])
    (one,) = bundle.outlined(tmp_path / "ct", tmp_path / "out")
    (said,) = volumes(tmp_path / "out")["images"]
    assert said["parts_found"] == {"organ": 100, "lesion": 0}  # the larger one joins that beneath it
    assert len(said["parts"]["organ"]) == predicting.MOST_PARTS
    assert "100 parts, the largest" in one.told  # type: ignore[union-attr]
    largest = said["parts"]["organ"][0]
    file = next(file for file in (tmp_path / "ct").iterdir() if pydicom.dcmread(file).InstanceNumber == 3)
    assert (largest["slice"], largest["instance_number"]) == (4, 3)
    assert float(pydicom.dcmread(file).ImagePositionPatient[2]) == 9.0


def test_a_structure_that_reaches_the_last_slice_is_told_to_be_cut_off(bundle: Bundle, tmp_path: Path) -> None:
    values = np.zeros((1, 6, 20, 20), np.int16)
    values[0, 3:, 5:10, 5:10], values[0, 1:3, 12:15, 12:15] = 400, 900
    write_nifti(Volume(values, affine(), "HU"), tmp_path / "a.nii.gz")
    said = told("predict", bundle.folder, tmp_path / "a.nii.gz", "--out", tmp_path / "out", "--quiet").out
    (one,) = volumes(tmp_path / "out")["images"]
    assert one["touches_edge"] == {"organ": True, "lesion": False}
    assert said.count("cut off at the first or last slice") == 1


def test_a_radiograph_has_a_mask_and_a_segmentation_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Bundle(tmp_path / "bundle", monkeypatch, units="grey", intensity=Intensity("window", 0, 255))
    levels = np.random.default_rng(0).integers(0, 256, (24, 30), dtype=np.uint16)
    file = written(tmp_path / "x.dcm", levels, Modality="DX", SOPClassUID="1.2.840.10008.5.1.4.1.1.1.1")
    (one,) = bundle.outlined(file, tmp_path / "out")
    assert [path.name for path in one.files] == ["x.png", "x.dcm"]  # type: ignore[union-attr]
