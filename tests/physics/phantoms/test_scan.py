"""What is measured of a drawn trunk, and beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from radcnn.core.chance import generator
from radcnn.physics.attenuation import hu_to_mu
from radcnn.physics.fourier_projection import fourier_project
from radcnn.physics.phantoms.scan import ASIDE_MM, Field
from radcnn.physics.phantoms.study import SITES
from radcnn.physics.phantoms.thorax import draw_thorax, other_side, paint_thorax

FIELD = Field(size=72, pixel_mm=2.2, height_mm=12, views=60)


def test_rays_that_pass_the_trunk_by_go_through_air_alone() -> None:
    chance = generator(0, "test", "a scan")
    for _ in range(3):
        thorax, grid = draw_thorax(chance), FIELD.grid(SITES[0])
        hu = paint_thorax(thorax, grid, other_side(thorax, chance))
        near, wide = FIELD.beam(), FIELD.beam(aside_mm=ASIDE_MM)
        seen = fourier_project(hu_to_mu(np.maximum(hu, -1000)), replace(wide, size=len(grid.x), pixel_mm=grid.pixel_mm))
        beyond = (wide.detectors - near.detectors) // 2
        assert wide.offsets_mm[beyond] == near.offsets_mm[0]
        outside, inside = np.delete(seen, np.s_[beyond:-beyond], axis=-1), seen[..., beyond:-beyond]
        assert inside.max() > 3
        assert np.abs(outside).max() < 0.01
