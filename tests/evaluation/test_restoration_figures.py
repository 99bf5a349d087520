"""Figures of restored images: of which window, by patient, and what was gained."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radcnn.core.errors import ReadError
from radcnn.evaluation.restoration import (
    JudgedCase,
    RestorationJudgement,
    figures_of,
    judged,
    noise_frequency,
)
from radcnn.metrics.fidelity import psnr, ssim
from radcnn.plan.restoration import LUNG, SOFT_TISSUE
from written_pairs import NOISE_HU, noisy, scan

SIZE = (4, 96, 96)


def test_a_window_is_the_data_range_and_clips_both_images() -> None:
    wanted, given = scan(0, size=SIZE), noisy(scan(0, size=SIZE), 0)
    said = figures_of(given, wanted, [SOFT_TISSUE])
    slices = [tuple(np.clip(part[k], -160, 240) for part in (given, wanted)) for k in range(4)]
    assert said["PSNR, soft tissue"] == pytest.approx(np.mean([psnr(a, b, data_range=400) for a, b in slices]))
    assert said["SSIM, soft tissue"] == pytest.approx(np.mean([ssim(a, b, data_range=400) for a, b in slices]))
    assert said["RMSE"] == pytest.approx(NOISE_HU, rel=0.03)


def test_slices_that_show_nothing_in_a_window_do_not_count() -> None:
    wanted, given = scan(0, size=SIZE), noisy(scan(0, size=SIZE), 0)
    padded = [np.concatenate([part, np.full((4, *SIZE[1:]), -1000.0, np.float32)]) for part in (given, wanted)]
    assert figures_of(*padded, [SOFT_TISSUE])["PSNR, soft tissue"] == pytest.approx(
        figures_of(given, wanted, [SOFT_TISSUE])["PSNR, soft tissue"]
    )


def test_one_image_is_a_volume_of_one_slice() -> None:
    wanted, given = scan(0, size=SIZE), noisy(scan(0, size=SIZE), 0)
    assert figures_of(given[0], wanted[0], [LUNG]) == figures_of(given[:1], wanted[:1], [LUNG])


def test_coarser_noise_has_a_lower_frequency() -> None:
    wanted = np.full((6, 128, 128), 40.0, np.float32)
    white = np.random.default_rng(0).normal(size=wanted.shape)
    grain = noisy(np.zeros_like(wanted), 0)
    assert noise_frequency(grain, wanted, 0.8) < 0.8 * noise_frequency(white, wanted, 0.8)
    assert math.isnan(noise_frequency(white, wanted - 1000, 0.8))


def cases(count: int = 6) -> list[JudgedCase]:
    return [
        JudgedCase(str(k), f"p{k // 2}", {"input": {"RMSE": 60.0 + k}, "network": {"RMSE": 20.0 + k + (k // 2 % 2)}})
        for k in range(count)
    ]


def test_what_is_gained_is_taken_case_by_case_and_by_patient() -> None:
    found = judged(cases(), side="test")
    gained = found.gains["network"]["RMSE"]
    assert gained.value == pytest.approx(-40 + 1 / 3)
    assert (gained.n, gained.patients, found.patients) == (6, 3, 3)
    assert gained.high - gained.low < found.table["network"]["RMSE"].high - found.table["network"]["RMSE"].low


def test_no_limit_lies_where_a_figure_cannot() -> None:
    near = [
        JudgedCase(str(k), f"p{k}", {"input": {"SSIM, lung": 0.99 - 0.1 * k, "RMSE": 2.0 + 6 * k}}) for k in range(3)
    ]
    found = judged(near, side="test").table["input"]
    assert found["SSIM, lung"].high < 1
    assert found["RMSE"].low > 0


def test_a_figure_that_is_undefined_somewhere_is_of_the_other_cases() -> None:
    some = [*cases(4), JudgedCase("9", "p9", {"input": {"RMSE": math.nan}, "network": {"RMSE": 1.0}})]
    assert judged(some, side="test").table["input"]["RMSE"].n == 4


def test_a_judgement_comes_back_from_json() -> None:
    found = judged(cases(), side="tuning", windows=[LUNG], notes=["a note"])
    assert RestorationJudgement.from_json(found.as_json()) == found


def test_a_damaged_judgement_is_refused() -> None:
    plain = judged(cases(), side="tuning", windows=[LUNG]).as_json()
    for damage in ({"kind": "restoration"}, {**plain, "table": 3}, {**plain, "cases": [7]}, {**plain, "windows": "ab"}):
        with pytest.raises(ReadError, match="evaluate the run again"):
            RestorationJudgement.from_json(damage)
