"""Amounts of shifts are what they say: noise in HU, thickness in mm, paths through metal, kernels, Rice's noise."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.core.chance import generator
from radcnn.core.volume import Volume
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.kernels import Kernel
from radcnn.robustness.shifts import SHIFTS, shifted
from radcnn.robustness.shifts.ct import SCANNED_WITH, kernel_ratio
from radcnn.robustness.shifts.metal import rod_mm, streaks
from radcnn.robustness.shifts.mr import gamma, ghosted, moved, rician, smooth_field
from radcnn.robustness.shifts.radiograph import collimated, movement, towards_inversion
from radcnn.robustness.shifts.sampling import blurred, box_over_tents, thicker_slices, turned


def flat(value: float, *, units: str = "HU", size: tuple[int, int] = (64, 64)) -> Volume:
    return Volume.from_spacing(np.full((1, *size), value, np.float32), (1.0, 1.0), units=units)


def chance() -> np.random.Generator:
    return generator(0, "numbers")


@pytest.mark.parametrize(("severity", "sd"), [(1, 5), (3, 20), (5, 80)])
def test_noise_of_a_ct_has_the_standard_deviation_that_it_says(severity, sd):
    made = shifted(flat(40.0, size=(128, 128)), SHIFTS["ct_noise"], severity).voxels
    assert made.std() == pytest.approx(sd, rel=0.05)
    assert made.mean() == pytest.approx(40.0, abs=sd / 20)


def test_a_thicker_slice_is_the_mean_over_its_thickness_and_keeps_what_changes_evenly():
    for width in (0.3, 1.0, 2.5, 7.0):
        assert box_over_tents(width).sum() == pytest.approx(1)
        assert np.allclose(box_over_tents(width), box_over_tents(width)[::-1])
    ramp = np.broadcast_to(np.arange(20.0)[:, None, None], (20, 4, 4))[None]
    made = thicker_slices(Volume.from_spacing(ramp, (2.5, 1.0, 1.0), units="HU"), 10.0, chance())
    assert np.allclose(made[0, 4:-4], ramp[0, 4:-4], atol=1e-4)
    spike = np.zeros((1, 21, 3, 3), np.float32)
    spike[0, 10] = 100
    made = thicker_slices(Volume.from_spacing(spike, (1.0, 1.0, 1.0), units="HU"), 5.0, chance())
    assert made[0, 10, 1, 1] == pytest.approx(20)  # a fifth of it


def test_a_blur_is_given_by_its_width_in_mm_whatever_the_pixels():
    for pixel in (0.5, 1.0):
        n = int(60 / pixel) + 1
        point = np.zeros((1, n, n), np.float32)
        point[0, n // 2, n // 2] = 1
        made = blurred(Volume.from_spacing(point, (pixel, pixel)), 4.0, chance())[0, n // 2]
        half = np.abs(np.arange(n) - n // 2) * pixel
        assert np.interp(2.0, half[n // 2 :], made[n // 2 :]) == pytest.approx(made.max() / 2, rel=0.05)


def test_another_kernel_leaves_the_mean_and_its_own_kernel_leaves_everything():
    frequency = np.linspace(0, 0.7, 50)
    same = Kernel("hann", SCANNED_WITH.cutoff_per_mm)
    assert np.allclose(kernel_ratio(same, frequency, 0.7), 1)
    softer, sharper = (kernel_ratio(Kernel("hann", cutoff), frequency, 0.7) for cutoff in (0.3, 0.9))
    assert softer[0] == pytest.approx(1)
    assert sharper[0] == pytest.approx(1)
    assert (np.diff(softer[:30]) <= 1e-9).all()
    assert sharper.max() < 5
    assert (sharper >= 1 - 1e-9).all()


def test_a_ray_through_the_middle_of_a_rod_passes_its_diameter():
    beam = ParallelBeam(4, 41, 0.5, 32, 0.5)
    through = rod_mm(beam, (15.5, 15.5), 6.0)
    assert through[:, 20] == pytest.approx(6.0, rel=0.01)
    assert (through[:, [0, -1]] == 0).all()
    assert through.sum(axis=1) * 0.5 == pytest.approx(np.full(4, np.pi * 9), rel=0.02)  # its area


def test_metal_is_hardened_and_adds_nothing_to_rays_beside_it():
    water = np.full((1, 5), 200.0)
    metal = np.array([[0.0, 1.0, 2.0, 4.0, 8.0]])
    added = streaks(water, metal, np.zeros((1, 5)))[0]
    assert added[0] == pytest.approx(0, abs=1e-9)
    per_mm = added[1:] / metal[0, 1:]
    assert (np.diff(per_mm) < 0).all()  # the more metal, the less each mm takes


def test_rician_noise_without_signal_has_the_mean_of_rayleigh():
    signal = np.zeros((1, 200, 200), np.float32)
    signal[0, :20] = 100.0  # a tenth, so that the bright signal is 100
    made = rician(Volume.from_spacing(signal, (1.0, 1.0)), 10.0, chance())
    assert made[0, 40:].mean() == pytest.approx(10 * np.sqrt(np.pi / 2), rel=0.02)
    assert made[0, :20].mean() == pytest.approx(np.hypot(100, 10), rel=0.01)


def test_a_coils_field_stays_within_its_bounds():
    field = smooth_field((6, 30, 30), chance())
    assert np.abs(field).max() == pytest.approx(1)
    assert field.mean() == pytest.approx(0, abs=1e-9)


def test_ghosts_are_copies_a_quarter_of_the_image_apart():
    image = np.zeros((1, 64, 64), np.float32)
    image[0, 30:34, 20:44] = 100
    made = ghosted(Volume.from_spacing(image, (1.0, 1.0)), 40.0, chance())
    assert made[0, 46:50, 30].mean() == pytest.approx(made[0, 14:18, 30].mean(), rel=0.05)
    assert made[0, 46:50, 30].mean() > 2 * made[0, 38:42, 30].mean()


def test_movement_of_no_line_and_a_gamma_of_1_change_nothing():
    image = Volume.from_spacing(chance().random((1, 24, 24)).astype(np.float32) * 50, (1.0, 1.0))
    assert np.allclose(moved(image, 0.0, chance()), image.voxels, atol=1e-3)
    assert np.allclose(gamma(image, 1.0, chance()), image.voxels, atol=1e-3)
    bent = gamma(image, 2.0, chance())
    assert bent.max() == pytest.approx(float(image.voxels.max()))
    assert (bent <= image.voxels + 1e-3).all()


def test_a_film_is_turned_over_and_covered_as_far_as_it_says():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    film = Volume(levels, None, "grey")
    assert np.allclose(towards_inversion(film, 100.0, chance()), 255 - levels.astype(float), atol=1e-3)
    assert np.allclose(towards_inversion(film, 50.0, chance()), 127.5, atol=1e-3)
    covered = collimated(film, 12.5, chance())
    assert (covered[0, :2] == 0).all()
    assert np.allclose(covered[0, 2:-2, 2:-2], levels[0, 2:-2, 2:-2], atol=1e-3)
    assert np.allclose(movement(film, 10.0, chance())[0, 2:-2], levels[0, 2:-2], atol=1e-2)  # a ramp


def test_a_turn_is_in_mm_not_in_pixels():
    y, x = np.meshgrid(np.arange(41) - 20, np.arange(81) - 40, indexing="ij")
    disc = ((y * 2.0) ** 2 + (x * 1.0) ** 2 < 15**2).astype(np.float32)[None] * 100
    made = turned(Volume.from_spacing(disc, (2.0, 1.0)), 25.0, chance())
    assert np.abs(made - disc).mean() < 1.5  # a circle stays one, on pixels that are not square, too
