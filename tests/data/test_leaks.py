"""One picture in two files is found whatever was done to it, and pictures of different patients are no pair."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from radcnn.core.case import Case, Source
from radcnn.core.chance import generator
from radcnn.core.target import Target
from radcnn.core.volume import Volume
from radcnn.data.cohort import Cohort, CohortSettings, gather
from radcnn.data.duplicates import content_groups, duplicate_findings
from radcnn.data.leaks.depth import agreement_in_depth, layers
from radcnn.data.leaks.pair import LeakPair
from radcnn.data.leaks.pairs import SAME_LARGE, SAME_WEAKEST, near_duplicate_pairs
from radcnn.data.leaks.people import identity_findings, plain_number
from radcnn.data.leaks.telling import pair_findings
from radcnn.data.leaks.verify import agreement
from radcnn.data.nifti import write_nifti
from radcnn.data.survey import survey
from radcnn.physics.noise import Dose
from radcnn.physics.phantoms.dose_pairs import FULL_DOSE, draw_chest
from written_dicom import written

Plane = NDArray[np.uint8]
SIZE = 160


def film(seed: int) -> Plane:
    """A picture with the make-up of a radiograph: two dark fields in a bright one, ribs, vessels, noise of its own."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    lungs = sum(
        np.exp(-((((x - c) / 0.16) ** 2 + ((y - 0.5) / 0.3) ** 2) ** 2))
        for c in (0.3 + chance.normal(0, 0.02), 0.7 + chance.normal(0, 0.02))
    )
    ribs = np.sin(2 * np.pi * (9 + chance.normal(0, 0.5)) * (y + 0.15 * np.abs(x - 0.5)) + chance.uniform(0, 6))
    vessels = gaussian_filter(chance.normal(size=(SIZE, SIZE)), 2.5) * 3
    grain = gaussian_filter(chance.normal(size=(SIZE, SIZE)), 0.8)
    values = 150 - 90 * lungs + 8 * ribs + 10 * vessels + 5 * grain
    return np.clip(values, 0, 255).astype(np.uint8)


def jpeg(plane: Plane, quality: int) -> Plane:
    file = io.BytesIO()
    Image.fromarray(plane).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def resized(plane: Plane, height: int, width: int) -> Plane:
    return np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC))


KINDS: dict[str, Callable[[Plane], Plane]] = {
    "other container": lambda a: a,
    "mirrored left to right": lambda a: a[:, ::-1],
    "mirrored top to bottom": lambda a: a[::-1],
    "upside down": lambda a: a[::-1, ::-1],
    "a quarter turn": lambda a: np.rot90(a),
    "JPEG of quality 30": lambda a: jpeg(a, 30),
    "cropped by a tenth on one side": lambda a: a[:, SIZE // 10 :],
    "cropped by 6 % all around and enlarged": lambda a: resized(a[10:-10, 10:-10], SIZE, SIZE),
    "half the contrast": lambda a: (a * 0.5 + 60).astype(np.uint8),
    "gamma 2": lambda a: np.round(255 * (a / 255.0) ** 2).astype(np.uint8),
    "inverted": lambda a: 255 - a,
    "half the size": lambda a: resized(a, SIZE // 2, SIZE // 2),
    "mirrored, cropped and compressed": lambda a: jpeg(np.ascontiguousarray(a[8:, ::-1][:, 6:]), 50),
}
OTHERS = 24


def cohort_of(files: list[Path], *, labels: list[float] | None = None, patients: list[str] | None = None) -> Cohort:
    whose = patients or [f"p{i}" for i in range(len(files))]
    truth = labels or [float(i % 2) for i in range(len(files))]
    cases = [
        Case(str(i + 1), who, Source(path), (value,))
        for i, (path, who, value) in enumerate(zip(files, whose, truth, strict=True))
    ]
    rank = 2
    return Cohort(tuple(cases), Target("binary", ("label",), ("0", "1")), "patient", rank)


def saved(path: Path, plane: Plane) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(plane)).save(path)
    return path


def pairs_of(cohort: Cohort) -> tuple[LeakPair, ...]:
    return near_duplicate_pairs(cohort, survey(cohort, workers=2), workers=2)


def test_every_planted_kind_is_found_and_no_other_pair(tmp_path: Path) -> None:
    pictures = [film(i) for i in range(len(KINDS) + OTHERS)]
    files = [saved(tmp_path / f"{i}.png", picture) for i, picture in enumerate(pictures)]
    for i, (_, made) in enumerate(KINDS.items()):
        ending = "tif" if i == 0 else "png"
        files.append(saved(tmp_path / f"copy-{i}.{ending}", made(pictures[i])))
    found = {(pair.first, pair.second): pair.how for pair in pairs_of(cohort_of(files))}
    expected = {(i, len(pictures) + i) for i in range(len(KINDS))}
    missed = [name for i, name in enumerate(KINDS) if (i, len(pictures) + i) not in found]
    assert missed == []
    assert set(found) == expected
    assert found[0, len(pictures)] == "the same pixels"
    assert "mirrored left to right" in found[1, len(pictures) + 1]
    assert "cropped" in found[6, len(pictures) + 6]
    assert "inverted" in found[10, len(pictures) + 10]


def test_a_slice_of_anothers_volume_is_found(tmp_path: Path) -> None:
    stack = np.stack([film(100 + k) for k in range(5)])
    volume = Volume.from_spacing(stack[None], (5.0, 1.0, 1.0))
    write_nifti(volume, tmp_path / "a.nii.gz")
    files = [tmp_path / "a.nii.gz", saved(tmp_path / "b.png", stack[3]), saved(tmp_path / "c.png", film(7))]
    (pair,) = pairs_of(cohort_of(files))
    assert (pair.first, pair.second) == (0, 1)
    assert "slice 4 of the volume" in pair.how


def chest_volume(seed: int) -> NDArray[np.int16]:
    """A body much like all others', heart and spine in it, and vessels and noise of its own: (32, 128, 128) in HU."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:128, :128] / 128

    def inside(centre: tuple[float, float], radii: tuple[float, float], soft: float = 0.02) -> NDArray[np.float64]:
        (cy, cx), (ry, rx) = centre, radii * chance.normal(1, 0.02, 2)
        return 1 / (1 + np.exp((np.hypot((y - cy) / ry, (x - cx) / rx) - 1) / soft))

    body, lung = inside((0.5, 0.4), (0.48, 0.5)), inside((0.5, 0.45), (0.4, 0.3))
    heart, spine = inside((0.32, 0.38), (0.2, 0.18)), inside((0.85, 0.2), (0.09, 0.1), 0.03)
    plane = -1000 + 1040 * body - 850 * lung + 840 * heart * lung + 250 * spine
    vessels = gaussian_filter(chance.normal(size=(32, 128, 128)), 1.5)
    vessels = 400 * np.clip(vessels / vessels.std() - 1, 0, None) * lung
    grain = gaussian_filter(chance.normal(size=(32, 128, 128)), (0, 0.8, 0.8))
    return np.round(plane + vessels + 20 * grain / grain.std()).astype(np.int16)


def written_volumes(folder: Path, volumes: list[NDArray]) -> list[Path]:
    files = [folder / f"{i}.nii.gz" for i in range(len(volumes))]
    for path, voxels in zip(files, volumes, strict=True):
        write_nifti(Volume.from_spacing(np.ascontiguousarray(voxels)[None], (3.0, 1.0, 1.0)), path)
    return files


def test_volumes_whose_bodies_alone_are_alike_are_no_pair(tmp_path: Path) -> None:
    volumes = [chest_volume(i) for i in range(6)]
    means = [volume.mean(axis=0, dtype=np.float32) for volume in volumes]
    assert agreement(means[0], means[1], 0, [(0.0, 0.0, 0.0, 0.0)]).figure > SAME_LARGE  # the slices tell them apart
    assert pairs_of(cohort_of(written_volumes(tmp_path, volumes))) == ()


def test_chests_that_are_made_of_ellipsoids_are_no_pair(tmp_path: Path) -> None:
    chests = [draw_chest(generator(0, "physics", "dose pairs", index)) for index in (4, 5, 8)]
    volumes = [np.rint(chest.scanned(Dose(FULL_DOSE), generator(k, "test"))) for k, chest in enumerate(chests)]
    assert pairs_of(cohort_of(written_volumes(tmp_path, [v.astype(np.int16) for v in volumes]))) == ()


def test_the_weakest_structures_tell_two_chests_apart_and_not_a_copy_that_jpeg_changed() -> None:
    chests = [draw_chest(generator(0, "physics", "dose pairs", index)) for index in (4, 5)]
    first, other = (layers(chest.scanned(Dose(FULL_DOSE), generator(k, "test"))) for k, chest in enumerate(chests))
    shown = np.clip((first + 1000) / 1400 * 255, 0, 255).astype(np.uint8)
    copy = layers(np.stack([jpeg(plane, 40) for plane in shown]))
    nowhere = (0.0, 0.0, 0.0, 0.0)
    assert agreement_in_depth(first, other, 0, nowhere).weakest < SAME_WEAKEST - 0.1
    assert agreement_in_depth(first, copy, 0, nowhere).weakest > SAME_WEAKEST + 0.1
    assert agreement_in_depth(copy, first, 0, nowhere).weakest > SAME_WEAKEST + 0.1


def test_copies_of_a_volume_are_found_whatever_became_of_its_slices(tmp_path: Path) -> None:
    volumes = [chest_volume(i) for i in range(6)]
    copies = [
        volumes[0][::-1],
        volumes[1][3:-2],
        volumes[2].reshape(16, 2, 128, 128).mean(axis=1).round().astype(np.int16),
        volumes[3][:, 5:-8, 9:],
        np.round(255 * np.clip((volumes[4][1:, :, ::-1] + 1000) / 1400.0, 0, 1)).astype(np.uint8),
    ]
    found = pairs_of(cohort_of(written_volumes(tmp_path, [*volumes, *copies])))
    assert {(pair.first, pair.second) for pair in found} == {(i, 6 + i) for i in range(5)}


def test_a_pair_across_the_sides_is_an_error_with_the_test_side_and_a_warning_otherwise(tmp_path: Path) -> None:
    files = [saved(tmp_path / f"{i}.png", film(i)) for i in range(4)]
    cohort = cohort_of(files, labels=[0.0, 1.0, 0.0, 1.0])
    pairs = [LeakPair(0, 1, "mirrored left to right", 0.99)]
    codes = {
        sides: [f.code for f in pair_findings(cohort, pairs, sides)]
        for sides in (("training", "test", "test", "test"), ("training", "tuning", "test", "test"), ("test",) * 4)
    }
    assert list(codes.values()) == [["RC040", "RC043"], ["RC041", "RC043"], ["RC042", "RC043"]]
    said = pair_findings(cohort, pairs, ("training", "test", "test", "test"))[0].sentence
    assert "cases 1 and 2: mirrored left to right" in said


def test_headers_tell_one_patient_under_several_numbers(tmp_path: Path) -> None:
    from radcnn.data.dicom.header import dicom_identities

    pixels = np.zeros((4, 4), np.int16)
    same = {"PatientName": "Doe^Jane", "PatientBirthDate": "19500101", "PatientSex": "F"}
    about = [
        {"PatientID": "MRN-0417", "StudyInstanceUID": "1.2.1", "PatientBirthDate": None},
        {"PatientID": "mrn 417", "StudyInstanceUID": "1.2.2", "PatientBirthDate": None},
        {"PatientID": "A", "StudyInstanceUID": "1.2.3", **same},
        {"PatientID": "B", "StudyInstanceUID": "1.2.4", **same},
        {"PatientID": "C", "StudyInstanceUID": "1.2.5"},
        {"PatientID": "D", "StudyInstanceUID": "1.2.5"},
    ]
    files = [written(tmp_path / f"{i}.dcm", pixels, **one) for i, one in enumerate(about)]
    cohort = cohort_of(files)
    identities = dicom_identities(files)
    within = identity_findings(cohort, identities, ("training",) * 6)
    assert [f.code for f in within] == ["RC045", "RC045"]
    assert "cases 5 and 6" in within[0].sentence
    assert "cases 1 and 2; 3 and 4" in within[1].sentence
    across = identity_findings(cohort, identities, ("training", "test", "training", "training", "test", "training"))
    assert [f.code for f in across] == ["RC044", "RC044", "RC045"]
    assert not any("Doe" in f.sentence or "417" in f.sentence for f in (*within, *across))


def test_patient_numbers_are_compared_without_what_people_write_differently() -> None:
    assert plain_number(" mrn-00417 ") == plain_number("MRN417")
    assert plain_number("12") != plain_number("120")


def test_the_copies_of_pneumoniamnist_are_found_and_named(real_data: Path) -> None:
    cohort = gather(CohortSettings(real_data / "medmnist" / "pneumoniamnist.npz"), salt="s")
    groups = content_groups(cohort)
    torn = [group for group in groups if {cohort.cases[i].side for i in group} == {"training", "tuning"}]
    sides = [case.side or "training" for case in cohort.cases]
    said = {found.code: found.sentence for found in duplicate_findings(cohort, groups, sides)}
    assert len(torn) == 8
    assert len(groups) == 27
    assert "8 groups of identical images lie on two sides of the split (8 on training and tuning)" in said["RC014"]


@pytest.mark.slow
def test_chest_radiographs_of_different_patients_are_no_pairs_and_planted_ones_are(
    real_data: Path, tmp_path: Path
) -> None:
    every = gather(CohortSettings(real_data / "chest_xray", patient_from=r"person\d+"), salt="s")
    by_patient = {case.patient: case.source.path for case in every.cases}
    chosen = np.random.default_rng(5).permutation(sorted(by_patient.values()))[:1000]
    files, planted = [Path(path) for path in chosen], []
    for i, (name, made) in enumerate(KINDS.items()):
        plane = np.asarray(Image.open(files[i]).convert("L").resize((SIZE, SIZE)))
        files[i] = saved(tmp_path / f"{i}.png", plane)
        files.append(saved(tmp_path / f"copy-{i}.png", made(plane)))
        planted.append(((i, len(files) - 1), name))
    found = {(pair.first, pair.second) for pair in pairs_of(cohort_of(files))}
    assert [name for pair, name in planted if pair not in found] == []
    assert len(found - {pair for pair, _ in planted}) <= 1 + len(content_groups(cohort_of(files)))


def test_of_two_places_the_images_tell_the_better_and_one_that_is_a_little_off_is_mended() -> None:
    rng = np.random.default_rng(11)
    whole = gaussian_filter(rng.normal(size=(192, 192)), 1.5).astype(np.float32)
    part = whole[19:173, 19:173]  # a tenth off each side
    true = (19 / 192,) * 4
    near, far = tuple(end + 0.01 for end in true), (0.0, 0.0, 0.04, 0.12)
    assert agreement(whole, part, 0, [near]).figure > 0.95
    for starts in ([near, far], [far, near]):
        found = agreement(whole, part, 0, starts)
        assert found.figure > 0.95
        assert np.allclose(found.ends, true, atol=0.003)
    assert agreement(whole, part, 0, [far]).figure < 0.5
