"""Filtered back-projection of 512 x 512 pixels from 180 and 720 views: ours by gridding, scikit-image and ASTRA beside.

    python benchmarks/engine/back_projection.py [--json FILE]

The sinogram is the exact one of a Shepp-Logan phantom (Shepp and Logan, IEEE TNS 1974;21:21) that fills 95 % of the
field; errors are against the phantom drawn as means over pixels, within the field, of its range of 1. ASTRA is GPL and
a peer of this benchmark only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import astra
import numpy as np
import torch
from numpy.typing import NDArray
from skimage.transform import iradon
from timing import measure, report, versions, write_rows

from radcnn.physics.beam import ParallelBeam
from radcnn.physics.ellipses import Ellipse, draw_ellipses, ellipse_sinogram
from radcnn.physics.reconstruction import fbp

SIZE, OURS = 512, "radcnn"
PHANTOM = (  # value, semi-axes along x and y, centre, degrees
    (1.0, 0.69, 0.92, 0.0, 0.0, 0), (-0.8, 0.6624, 0.874, 0.0, -0.0184, 0), (-0.2, 0.11, 0.31, 0.22, 0.0, -18),
    (-0.2, 0.16, 0.41, -0.22, 0.0, 18), (0.1, 0.21, 0.25, 0.0, 0.35, 0), (0.1, 0.046, 0.046, 0.0, 0.1, 0),
    (0.1, 0.046, 0.046, 0.0, -0.1, 0), (0.1, 0.046, 0.023, -0.08, -0.605, 0), (0.1, 0.023, 0.023, 0.0, -0.606, 0),
    (0.1, 0.023, 0.046, 0.06, -0.605, 0),
)  # fmt: skip
Image = NDArray[np.float32]


def phantom(radius_mm: float) -> list[Ellipse]:
    """The ellipses, y downwards."""
    return [
        Ellipse(x * radius_mm, -y * radius_mm, a * radius_mm, b * radius_mm, value, -np.deg2rad(turned))
        for value, a, b, x, y, turned in PHANTOM
    ]


def by_astra(sinogram: Image, beam: ParallelBeam) -> Callable[[], Image]:
    """ASTRA's FBP on the CPU, its geometry made beforehand."""
    across = astra.create_proj_geom("parallel", beam.detector_mm, beam.detectors, -beam.angles)
    volume = astra.create_vol_geom(beam.size, beam.size)
    projector = astra.create_projector("linear", across, volume)
    data, made = astra.data2d.create("-sino", across, sinogram), astra.data2d.create("-vol", volume)
    asked = astra.astra_dict("FBP")
    asked |= {"ProjectorId": projector, "ProjectionDataId": data, "ReconstructionDataId": made}
    algorithm = astra.algorithm.create(asked)

    def job() -> Image:
        astra.data2d.store(data, sinogram)
        astra.algorithm.run(algorithm)
        return astra.data2d.get(made)

    return job


def row(views: int) -> dict[str, Any]:
    """One number of views."""
    beam = ParallelBeam(views, SIZE, 1.0, SIZE, 1.0)
    ellipses = phantom(0.95 * SIZE / 2)
    sinogram, truth = ellipse_sinogram(ellipses, beam).astype(np.float32), draw_ellipses(ellipses, beam)
    given, turned, degrees = torch.from_numpy(sinogram), np.ascontiguousarray(sinogram.T), np.rad2deg(beam.angles)
    jobs: dict[str, Callable[[], Any]] = {
        OURS: lambda: fbp(given, beam).numpy(),
        "ASTRA, CPU": by_astra(sinogram, beam),
        "scikit-image": lambda: iradon(turned, degrees, filter_name="ramp", circle=True),
    }
    field = np.hypot(*np.meshgrid(beam.pixels_mm, beam.pixels_mm)) < SIZE / 2
    errors = {}
    for name, job in jobs.items():
        image = job()
        # peers count rows and angles their own way
        forms = [image] if name == OURS else [image, image[::-1], image[:, ::-1], image[::-1, ::-1]]
        errors[name] = min(float(np.sqrt(np.mean((form - truth)[field] ** 2))) for form in forms)
    timed = measure(jobs, 7)
    times = timed["ASTRA, CPU"].median / timed[OURS].median
    told = ", ".join(f"{name} {error:.4f}" for name, error in errors.items())
    made = report(
        f"filtered back-projection, 512 x 512, {views} views",
        timed,
        ours=OURS,
        reach=1.0,
        asked=f"8 x ASTRA on the CPU (is {times:.1f}) with a lower error",
        note=f"root mean square error: {told}",
        extra={"versions": versions("astra-toolbox", "scikit-image", "torch", "numba")},
    )
    best = all(errors[OURS] < error for name, error in errors.items() if name != OURS)
    return made | {"reached": times >= 8 and best and made["reached"]}


def main() -> None:
    """Both rows."""
    write_rows([row(180), row(720)])


if __name__ == "__main__":
    main()
