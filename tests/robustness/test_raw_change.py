"""Changes of raw data: what is added to the rays comes out of the reconstruction at its place and in HU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from radcnn.core.errors import GeometryError, InputError
from radcnn.core.volume import Volume
from radcnn.physics.noise import Dose
from radcnn.physics.raw_noise import HU_PER_MU
from radcnn.robustness.raw_change import OfRawData, raw_case
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.preparation import Preparation, prepare

WINDOW = Intensity("window", low=-160, high=240)


def scan() -> Volume:
    """Four slices of 32 x 32 mm of water in air."""
    y, x = np.mgrid[:32, :32] - 15.5
    slices = np.where(np.hypot(x, y) < 13, 0.0, -1000.0).astype(np.float32)
    return Volume.from_spacing(np.broadcast_to(slices, (1, 4, 32, 32)).copy(), (2.0, 1.0, 1.0), "HU")


def region() -> Preparation:
    return Preparation(dims=3, channels=1, size=(2, 12, 12), region_mm=(4.0, 12.0, 12.0), intensity=WINDOW)


def test_a_disc_that_is_added_to_the_rays_is_seen_where_it_is_and_as_bright_as_it_is() -> None:
    centre = (18.0, 12.0, 3.0)  # x, y, z: beside the middle of the scan
    raw = raw_case(scan(), region(), Dose(1e5), centre_mm=centre)
    # a disc of 40 HU and 3 mm about a point 1 mm to the right of the region's middle
    beam = raw.part.beam
    along = beam.offsets_mm[None] - np.cos(beam.angles)[:, None]
    rays = 40 / HU_PER_MU * 2 * np.sqrt(np.maximum(3.0**2 - along**2, 0))
    change = torch.from_numpy((rays / raw.part.sd).astype(np.float32))
    seen = raw.change_hu(change[None])[0, 0].numpy()
    assert seen.shape == (12, 12)
    assert abs(seen[5:7, 6:8].mean() - 40) < 3
    weights = np.clip(seen, 10, None) - 10
    assert abs((weights * np.arange(12)[None]).sum() / weights.sum() - 6.5) < 0.1
    assert abs((weights * np.arange(12)[:, None]).sum() / weights.sum() - 5.5) < 0.1


def test_rays_through_more_water_are_noisier_and_a_higher_dose_less() -> None:
    raw = raw_case(scan(), region(), Dose(1e5), centre_mm=(15.5, 15.5, 3.0))
    better = raw_case(scan(), region(), Dose(4e5), centre_mm=(15.5, 15.5, 3.0))
    middle = raw.part.beam.detectors // 2
    assert (raw.part.sd[:, :, middle] > raw.part.sd[:, :, 0]).all()
    assert np.allclose(raw.part.sd / better.part.sd, 2, rtol=0.01)


def test_no_change_leaves_the_image_as_it_is_and_changes_stay_within_its_values() -> None:
    centre = (15.5, 15.5, 3.0)
    image = torch.from_numpy(prepare(scan(), region(), centre_mm=centre))
    raw = raw_case(scan(), region(), Dose(1e5), centre_mm=centre)
    through = OfRawData(nn.Flatten(), image, raw, low=0.0, high=0.4)
    change = torch.zeros(1, *raw.part.sd.shape)
    assert torch.equal(through.images(change)[0], image)
    large = through.images(change + 100)
    assert large.max() <= 0.4 + 1e-6
    assert not torch.equal(large[0], image)


def test_what_has_no_raw_data_is_refused() -> None:
    dose, centre = Dose(1e5), (15.5, 15.5, 3.0)
    with pytest.raises(InputError, match="CT in HU"):
        raw_case(replace(scan(), units="grey"), region(), dose, centre_mm=centre)
    flat = Preparation(dims=2, channels=1, size=(8, 4), intensity=WINDOW)
    with pytest.raises(GeometryError, match="square pixels"):
        raw_case(Volume.from_spacing(scan().voxels[:, 0], (1.0, 1.0), "HU"), flat, dose)
    with pytest.raises(GeometryError, match="does not say"):
        raw_case(Volume(scan().voxels[:, 0], None, "HU"), replace(flat, size=(8, 8)), dose)
