"""Only the slices about a region are shifted, and the region looks as if all of them had been."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radcnn.core.case import Case, Source
from radcnn.core.chance import generator
from radcnn.core.volume import Volume
from radcnn.robustness.shifts import SHIFTS, shifted
from radcnn.study.stressing.shifting import few_rows, near_region
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.preparation import Preparation, prepare

WINDOW = Intensity("window", low=-200, high=300)
REGION = Preparation(dims=3, size=(6, 6, 6), region_mm=(12.0, 12.0, 12.0), intensity=WINDOW)
AFFINE = np.array([[0, 0, 1.5, -20], [0, 1.5, 0, -30], [2.0, 0, 0, 100], [0, 0, 0, 1]])
CT = Volume(generator(0, "near").normal(0, 80, (1, 80, 24, 24)).astype(np.float32), AFFINE, "HU")
CASE = Case("c", "p", Source(Path("ct")), (1.0,), centre_mm=(-2.0, -12.0, 180.0))


@pytest.mark.parametrize("name", ["ct_offset", "ct_thickness", "ct_softer", "resolution"])
def test_the_region_looks_the_same(name):
    near = near_region(CT, REGION, CASE)
    assert near.size[0] < CT.size[0]
    whole, part = (prepare(shifted(one, SHIFTS[name], 5), REGION, centre_mm=CASE.centre_mm) for one in (CT, near))
    assert np.allclose(whole, part, atol=1e-5)


def test_all_slices_are_kept_where_values_depend_on_them_or_the_whole_image_is_looked_at():
    robust = Preparation(dims=3, size=(6, 6, 6), region_mm=(12.0, 12.0, 12.0))
    assert near_region(CT, robust, CASE) is CT
    whole = Case("c", "p", Source(Path("ct")), (1.0,))
    assert near_region(CT, REGION, whole) is CT


def test_slices_are_projected_of_as_many_cases_as_time_allows():
    assert few_rows(CT, 12, 5, shown=3) == frozenset(range(12))
    spread = few_rows(CT, 100, 5, shown=3)
    assert 3 in spread
    assert {0, 99} <= spread
    assert 15 <= len(spread) <= 16  # 6000 / (80 slices x 5 severities)
    assert len(few_rows(Volume(CT.voxels[:, 0], None, "HU"), 1000, 5, shown=0)) == 1000
