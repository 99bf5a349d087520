"""Whole chests: the image, the masks and the table say the same; rules, readers and places are what they are named."""

from __future__ import annotations

import csv
import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import radcnn
from radcnn.core.errors import SettingsError
from radcnn.metrics.ranking import auc
from radcnn.physics.phantoms.chest import LABELS, ChestCase, ChestPlan, simulate_chest
from radcnn.physics.phantoms.chest_study import MIX, SITES, ChestStudy, plan_chests, write_chest_study
from radcnn.physics.phantoms.lesions import PRIOR, Kind, Signs, draw_signs, malignancy
from radcnn.physics.phantoms.readers import READERS, read
from radcnn.physics.phantoms.scan import Field
from radcnn.physics.phantoms.thorax import draw_thorax, other_side, walled
from radcnn.study.simulating import write_mask

SMALL = Field(size=128, pixel_mm=2.8, height_mm=160, views=180, aimed=False)
KINDS: tuple[Kind, ...] = ("primary", "metastatic", "metastatic", "benign", "benign")


@pytest.fixture(scope="module")
def case() -> ChestCase:
    return simulate_chest(ChestPlan("SIM0001", SITES[0], "primary", KINDS), 5, SMALL)


def inner(mask: np.ndarray) -> np.ndarray:
    """A mask without its voxels at the edge of a slice, which hold a part of something else."""
    made = mask.copy()
    for axis in (1, 2):
        made &= np.roll(mask, 1, axis) & np.roll(mask, -1, axis)
    return made


@pytest.mark.parametrize(
    ("tissue", "low", "high"),
    [("left lung", -910, -780), ("right lung", -910, -780), ("heart", 20, 65), ("spine", 150, 350), ("ribs", 120, 600)],
)
def test_a_tissue_has_its_hu_where_its_mask_is(case: ChestCase, tissue: str, low: float, high: float) -> None:
    mask = inner(case.tissues == LABELS[tissue]) & (case.nodules == 0)  # type: ignore[index]
    assert mask.sum() > 100
    assert low < np.median(case.hu[mask]) < high


def test_the_trachea_is_air_and_lies_between_the_lungs(case: ChestCase) -> None:
    top = case.tissues[-3:]
    places = np.argwhere(top == LABELS["airways"])
    assert len(places) > 20
    assert abs(places[:, 2].mean() - 63.5) < 3
    assert np.median(case.hu[-3:][inner(top == LABELS["airways"])]) < -900


def test_a_nodules_mask_has_the_place_and_the_size_of_its_row(case: ChestCase) -> None:
    assert len(case.lesions) == len(KINDS)
    assert [one.kind for one in case.lesions] == list(KINDS)
    voxel = float(np.prod(case.spacing_mm))
    for number, lesion in enumerate(case.lesions, start=1):
        places = np.argwhere(case.nodules == number)
        assert len(places), "a nodule above 3 mm covers a voxel"
        found = np.array(case.first_mm) + places.mean(axis=0)[::-1] * np.array(case.spacing_mm[::-1])
        assert np.abs(found - lesion.placed.centre_mm).max() < 1.5
        diameter = (6 * len(places) * voxel / np.pi) ** (1 / 3)
        assert diameter == pytest.approx(lesion.placed.diameter_mm, abs=1.6)


def test_nodules_lie_within_the_lungs(case: ChestCase) -> None:
    around = case.tissues[case.nodules > 0]
    assert np.isin(around, [0, *(LABELS[t] for t in ("left lung", "right lung", "airways", "vessels"))]).all()
    assert np.isin(around, [LABELS["left lung"], LABELS["right lung"]]).mean() > 0.7


def test_the_same_patient_and_seed_give_the_same_scan(case: ChestCase) -> None:
    again = simulate_chest(case.plan, 5, SMALL)
    assert np.array_equal(again.hu, case.hu)
    assert np.array_equal(again.nodules, case.nodules)
    other = simulate_chest(case.plan, 6, SMALL)
    assert not np.array_equal(other.hu, case.hu)


def test_contact_is_where_a_nodule_lies() -> None:
    """At many places: to the pleura and to vessels near, or free of both."""
    from radcnn.physics.phantoms import chest as module

    thorax = draw_thorax(np.random.default_rng(3))
    grid = Field(aimed=False, height_mm=200).grid(SITES[0])
    ball = module.shape_of("metastatic", _signs("free"), np.random.default_rng(0))
    for number in range(40):
        chance = np.random.default_rng(number)
        free, pleural, vascular = (
            module._place(_signs(contact), ball, thorax, grid, [], chance)
            for contact in ("free", "juxta-pleural", "juxta-vascular")
        )
        assert thorax.depth_mm(free[None])[0] > ball.radius_mm
        assert 0 < thorax.depth_mm(pleural[None])[0] < ball.radius_mm
        gaps = [_gap(vascular, row) for row in thorax.vessels]
        assert min(gaps) < 0.1


def _signs(contact: str) -> Signs:
    return Signs(8.0, "solid", "smooth", "none", contact, 0.5)  # type: ignore[arg-type]


def _gap(point: np.ndarray, row: np.ndarray) -> float:
    along = row[3:6] - row[:3]
    t = np.clip((point - row[:3]) @ along / (along @ along), 0, 1)
    return float(np.linalg.norm(point - row[:3] - t * along))


def test_vessels_airways_and_scars_lie_in_the_lung_of_their_side() -> None:
    for number in range(12):
        chance = np.random.default_rng(number)
        left = draw_thorax(chance)
        for one in (left, other_side(left, chance)):
            assert (one.depth_mm(one.vessels[:, 3:6]) > 0).all()
            assert (one.depth_mm(one.airways[2:, 3:6]) > 0).all()
            assert (walled(one.airways)[:, 6:] > one.airways[:, 6:]).all()
            assert one.airways[:, 6].max() == one.airways[0, 6], "the trachea is widest"
            assert (one.side * one.vessels[:, 3] > 0).all()
            if len(one.scars):
                assert (one.depth_mm(one.scars[:, 3:6]) > -3).all()


def drawn(count: int) -> tuple[list[Signs], np.ndarray]:
    chance = np.random.default_rng(0)
    kinds = chance.choice(list(PRIOR), size=count, p=list(PRIOR.values()))
    return [draw_signs(kind, chance) for kind in kinds], (kinds != "benign").astype(int)


def test_no_single_sign_tells_what_all_of_them_tell() -> None:
    signs, truth = drawn(4000)
    ideal = auc(np.array([malignancy(one) for one in signs]), truth)
    assert 0.85 < ideal < 0.95, "the classes overlap, and signs tell them apart"
    size = auc(np.array([one.diameter_mm for one in signs]), truth)
    height = auc(np.array([one.upper for one in signs]), truth)
    assert max(size, height, 1 - height) < 0.80 < ideal - 0.08


def test_an_ideal_readers_odds_are_true() -> None:
    signs, truth = drawn(20000)
    said = 1 / (1 + np.exp(-np.array([malignancy(one) for one in signs])))
    edges = np.quantile(said, np.linspace(0, 1, 9))
    for low, high in pairwise(edges):
        some = (said >= low) & (said < high)
        assert truth[some].mean() == pytest.approx(said[some].mean(), abs=0.035)


def test_readers_differ_and_miss_what_is_small() -> None:
    signs, truth = drawn(3000)
    found = []
    for reader in READERS:
        chance = np.random.default_rng(1)
        readings = [read(one, one.diameter_mm, reader, chance) for one in signs]
        seen = np.array([one is not None for one in readings])
        small = np.array([one.diameter_mm < 5 for one in signs])
        assert seen[small].mean() < seen[~small].mean()
        assert all(1 <= one.rating <= 5 for one in readings if one is not None)
        found.append(auc(np.array([one.rating for one in readings if one is not None]), truth[seen]))
    ideal = auc(np.array([malignancy(one) for one in signs]), truth)
    assert found == sorted(found, reverse=True), "those who waver more are further from the truth"
    assert 0.65 < found[-1] < found[0] < ideal


def test_every_site_has_the_same_mix_of_patients() -> None:
    plans = plan_chests(60, 0)
    assert [plan.patient for plan in plans] == sorted(plan.patient for plan in plans)
    for site in SITES:
        statuses = [plan.status for plan in plans if plan.site is site]
        for status, share in MIX.items():
            assert abs(statuses.count(status) - share * len(statuses)) <= 1
    assert all((plan.status == "no nodules") == (not plan.kinds) for plan in plans)
    kinds = [kind for seed in range(20) for plan in plan_chests(60, seed) for kind in plan.kinds]
    for kind, share in PRIOR.items():
        assert kinds.count(kind) / len(kinds) == pytest.approx(share, abs=0.02)


TINY = Field(size=64, pixel_mm=5.6, height_mm=90, views=60, aimed=False)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> ChestStudy:
    folder = tmp_path_factory.mktemp("chests")
    return write_chest_study(folder, patients=9, seed=1, write=write_mask, workers=1, field=TINY)


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def test_masks_lie_on_the_grid_of_the_series(study: ChestStudy) -> None:
    for row in rows_of(study.folder / "patients.csv"):
        series, tissues, nodules = (radcnn.read(study.folder / row[name]) for name in ("series", "tissues", "nodules"))
        assert series.units == "HU"
        for mask in (tissues, nodules):
            assert mask.size == series.size
            assert np.allclose(mask.affine, series.affine, atol=1e-3)  # type: ignore[arg-type]
        assert np.median(series.voxels[tissues.voxels == LABELS["heart"]]) == pytest.approx(42, abs=40)
        assert len(np.unique(nodules.voxels)) - 1 <= int(row["nodule_count"])


def test_tables_name_every_nodule_reader_and_patient(study: ChestStudy) -> None:
    patients, nodules, readings = (rows_of(study.folder / f"{n}.csv") for n in ("patients", "nodules", "readings"))
    assert len(patients) == study.patients == 9
    assert len(nodules) == study.nodules == sum(int(row["nodule_count"]) for row in patients)
    assert {row["case"] for row in readings} <= {row["case"] for row in nodules}
    assert len({(row["case"], row["reader"]) for row in readings}) == len(readings)
    for row in nodules:
        assert int(row["malignant"]) == (row["kind"] != "benign")
        volume = radcnn.read(study.folder / row["series"])
        index = volume.index([float(row[axis]) for axis in ("x_mm", "y_mm", "z_mm")])
        assert ((index > 0) & (index < np.array(volume.size) - 1)).all()


def test_the_certificate_knows_readers_and_the_best_that_signs_allow(study: ChestStudy) -> None:
    found = json.loads((study.folder / "certificate.json").read_text())
    assert set(found["readers"]) == {"an ideal reader of the signs", *(reader.name for reader in READERS)}
    assert "an ideal reader of the signs: AUC" in found["text"]
    assert found["simulated"]


def test_any_number_of_processes_gives_the_same_bytes(study: ChestStudy, tmp_path: Path) -> None:
    write_chest_study(tmp_path, patients=9, seed=1, write=write_mask, workers=2, field=TINY)
    first, again = (
        {f.relative_to(folder): hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.rglob("*") if f.is_file()}
        for folder in (study.folder, tmp_path)
    )
    assert first == again


def test_too_few_patients_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at least 4 patients"):
        write_chest_study(tmp_path, patients=3, write=write_mask)


def test_a_field_of_an_odd_size_is_refused() -> None:
    with pytest.raises(SettingsError, match="even number"):
        Field(size=127)
