"""A fingerprint says what the data are like, from training images alone, and refuses what cannot be mixed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radcnn.core.case import Case, Side, Source
from radcnn.core.errors import InputError, SplitError
from radcnn.core.target import Target
from radcnn.data.cohort import Cohort, CohortSettings, gather
from radcnn.data.fingerprint import Fingerprint, fingerprint
from radcnn.data.splits import Split, split

BINARY = Target("binary", ("y",), ("no", "yes"))


def study(sources: list[Source], sides: list[Side], rank: int = 2, target: Target = BINARY) -> tuple[Cohort, Split]:
    cases = tuple(
        Case(f"c{i}", f"p{i // 2}", source, (float(i % 2),), side=side, site=f"s{i // 4}")
        for i, (source, side) in enumerate(zip(sources, sides, strict=True))
    )
    cohort = Cohort(cases, target, "patient", rank)
    return cohort, split(cohort, seed=0, identical=())


SIDES_OF_8: list[Side] = ["training"] * 4 + ["tuning"] * 2 + ["test"] * 2


def pictures(folder: Path, arrays: list[np.ndarray]) -> list[Source]:
    for i, array in enumerate(arrays):
        Image.fromarray(array).save(folder / f"{i}.png")
    return [Source(folder / f"{i}.png") for i in range(len(arrays))]


def grey(value: int, shape: tuple[int, int] = (4, 6)) -> np.ndarray:
    return np.full(shape, value, np.uint8)


def test_intensities_are_measured_on_training_images_only(tmp_path: Path) -> None:
    arrays = [grey(v) for v in (0, 10, 20, 30)] + [grey(255)] * 4
    found = fingerprint(*study(pictures(tmp_path, arrays), SIDES_OF_8), seed=0)
    values = found.intensities
    assert (values.minimum, values.maximum, values.mean) == (0, 30, 15)
    assert values.sd == pytest.approx(np.std([0, 10, 20, 30]))
    assert values.median == 15
    assert values.zeros == 0.25
    assert values.distinct == 4
    assert not values.binary
    assert found.measured == 4


def test_numbers_are_counted_on_every_side(tmp_path: Path) -> None:
    found = fingerprint(*study(pictures(tmp_path, [grey(i) for i in range(8)]), SIDES_OF_8), seed=0)
    assert found.cases == {"training": 4, "tuning": 2, "test": 2}
    assert found.patients == {"training": 2, "tuning": 1, "test": 1}
    assert found.classes["training"] == {"y": {"no": 2, "yes": 2}}
    assert found.sites == ("s0", "s1")
    assert (found.rank, found.channels, found.units) == (2, 1, ("grey",))


@pytest.mark.parametrize(("kind", "said"), [(np.uint8, True), (np.uint16, False), (np.float32, False)])
def test_bytes_are_told_by_how_they_are_stored_and_not_by_their_values(tmp_path: Path, kind: type, said: bool) -> None:
    arrays = [grey(i % 2 * 100) for i in range(8)]
    arrays[2] = arrays[2].astype(kind)
    for i, array in enumerate(arrays):
        Image.fromarray(array).save(tmp_path / f"{i}.tif")
    sources = [Source(tmp_path / f"{i}.tif") for i in range(8)]
    assert fingerprint(*study(sources, SIDES_OF_8), seed=0).stored_uint8 is said


def test_sizes_are_told_per_axis(tmp_path: Path) -> None:
    arrays = [grey(1, (4, 6)), grey(1, (8, 6)), grey(1, (10, 6)), grey(1, (10, 6))] + [grey(1)] * 4
    found = fingerprint(*study(pictures(tmp_path, arrays), SIDES_OF_8), seed=0)
    assert (found.size.minimum, found.size.median, found.size.maximum) == ((4, 6), (9, 6), (10, 6))
    assert not found.same_size
    assert [f.code for f in found.findings] == ["RC018", "RC019"]
    assert found.spacing_mm is None


def test_binary_masks_and_grey_stored_as_colour_are_recognised(tmp_path: Path) -> None:
    mask = np.zeros((4, 6, 3), np.uint8)
    mask[1] = 255
    found = fingerprint(*study(pictures(tmp_path, [mask] * 8), SIDES_OF_8), seed=0)
    assert found.intensities.binary
    assert found.grey_as_colour
    assert found.channels == 3
    assert "RC020" in [f.code for f in found.findings]
    mask[0, 0, 0] = 7
    found = fingerprint(*study(pictures(tmp_path, [mask] * 8), SIDES_OF_8), seed=0)
    assert not found.intensities.binary
    assert not found.grey_as_colour


def volume(path: Path, shape: tuple[int, ...] = (5, 4, 3), fill: float = 1.0) -> Source:
    import nibabel

    nibabel.save(nibabel.Nifti1Image(np.full(shape, fill, np.float32), np.diag([0.5, 0.7, 2.0, 1.0])), path)
    return Source(path)


def test_spacings_are_told_in_millimetres(tmp_path: Path) -> None:
    sources = [volume(tmp_path / f"{i}.nii.gz", fill=1000.0 + i) for i in range(8)]
    found = fingerprint(*study(sources, SIDES_OF_8, rank=3), seed=0)
    assert found.rank == 3
    assert found.size.median == (3, 4, 5)
    assert found.spacing_mm is not None
    assert found.spacing_mm.median == pytest.approx((2.0, 0.7, 0.5))
    assert found.intensities.sd == pytest.approx(np.std([1000, 1001, 1002, 1003]))


def test_mixed_2d_and_3d_images_are_refused_by_name_wherever_they_are(tmp_path: Path) -> None:
    sources = pictures(tmp_path, [grey(i) for i in range(8)])
    sources[7] = volume(tmp_path / "stray.nii.gz")
    with pytest.raises(InputError, match="case c0 is 2D with 1 channel, case c7 is 3D with 1 channel"):
        fingerprint(*study(sources, SIDES_OF_8), seed=0)


def stored(values: np.ndarray, channels: int) -> np.ndarray:
    """Grey values as they are, or as three equal channels."""
    return values if channels == 1 else np.repeat(values[..., None], 3, axis=-1)


COLOUR = np.dstack([grey(10), grey(200), grey(30)])


@pytest.mark.parametrize("sample", [2, 3, None])
@pytest.mark.parametrize("channels", [(1, 3, 1, 3, 1, 1, 3, 1), (3, 1, 3, 3, 1, 3, 1, 3)])
def test_grey_images_mix_however_they_are_stored(tmp_path: Path, channels: tuple, sample: int | None) -> None:
    arrays = [stored(grey(10 * i), n) for i, n in enumerate(channels)]
    found = fingerprint(*study(pictures(tmp_path, arrays), SIDES_OF_8), seed=0, sample=sample)
    assert found.channels == 1 or found.grey_as_colour
    if sample is None:
        assert (found.channels, found.grey_as_colour) == (1, True)
        assert (found.intensities.mean, found.intensities.median) == (15, 15)
        assert "RC020" in [f.code for f in found.findings]


def test_a_grey_picture_among_colour_ones_does_not_make_them_grey(tmp_path: Path) -> None:
    arrays = [stored(grey(9), 3)] + [COLOUR] * 7
    found = fingerprint(*study(pictures(tmp_path, arrays), SIDES_OF_8), seed=0)
    assert (found.channels, found.grey_as_colour) == (3, False)


@pytest.mark.parametrize("at", [(0, 1), (1, 2), (3, 2)])
def test_grey_and_true_colour_are_refused_by_name(tmp_path: Path, at: tuple[int, int]) -> None:
    arrays = [stored(grey(0), 3)] * 8
    arrays[at[0]], arrays[at[1]] = grey(0), COLOUR
    with pytest.raises(InputError) as caught:
        fingerprint(*study(pictures(tmp_path, arrays), SIDES_OF_8), seed=0)
    assert f"case c{at[0]} is 2D with 1 channel" in str(caught.value)
    assert f"case c{at[1]} is 2D with 3 channels" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_image_with_nan_is_refused_by_name(tmp_path: Path) -> None:
    sources = [volume(tmp_path / f"{i}.nii.gz", fill=np.nan if i == 2 else 1.0) for i in range(8)]
    with pytest.raises(InputError, match=r"2\.nii\.gz|c2"):
        fingerprint(*study(sources, SIDES_OF_8, rank=3), seed=0)


def test_a_sample_is_drawn_the_same_way_each_time(tmp_path: Path) -> None:
    made = study(pictures(tmp_path, [grey(3 * i) for i in range(40)]), (["training"] * 32 + SIDES_OF_8[4:] * 2))
    first = fingerprint(*made, sample=5, seed=1)
    assert first.measured == 5
    assert first == fingerprint(*made, sample=5, seed=1)
    assert first != fingerprint(*made, sample=5, seed=2)
    assert fingerprint(*made, sample=None, seed=1).measured == 32


def test_the_whole_fingerprint_survives_json(tmp_path: Path) -> None:
    found = fingerprint(*study(pictures(tmp_path, [grey(i) for i in range(8)]), SIDES_OF_8), seed=0)
    plain = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert Fingerprint.from_json(plain) == found
    del plain["stored_uint8"]
    with pytest.raises(TypeError, match="stored_uint8"):
        Fingerprint.from_json(plain)


def test_a_split_of_other_cases_is_refused(tmp_path: Path) -> None:
    cohort, found = study(pictures(tmp_path, [grey(i) for i in range(8)]), SIDES_OF_8)
    with pytest.raises(SplitError, match="the data changed"):
        fingerprint(Cohort(cohort.cases[:6], BINARY, "patient", 2), found, seed=0)


def test_the_masks_of_adrenalmnist_are_binary_volumes(real_data: Path) -> None:
    cohort = gather(CohortSettings(real_data / "medmnist" / "adrenalmnist3d.npz"), salt="s")
    found = fingerprint(cohort, split(cohort, seed=0, identical=()), sample=50, seed=0)
    assert found.intensities.binary
    assert found.intensities.maximum == 255
    assert found.size.median == (28, 28, 28)
    assert found.same_size
    assert found.rank == 3
