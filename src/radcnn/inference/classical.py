"""What a restoring network has to be compared with: non-local means, bilateral filtering and BM3D.

Buades et al. 2005 (doi:10.1109/CVPR.2005.38) and Tomasi and Manduchi 1998 (doi:10.1109/ICCV.1998.710815) by
scikit-image; Dabov et al. 2007 (doi:10.1109/TIP.2007.901238) by loops of our own, since no implementation may be used
freely. How strong each filters is chosen on tuning images, as a network's weights are: a filter that was not tuned
proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from radcnn.core.cores import available_cores
from radcnn.core.errors import SettingsError

PATCH, AROUND = 5, 7  # pixels of a patch, and how far around patches like it are looked for
SPATIAL = 1.5  # pixels, standard deviation of the bilateral filter's neighbourhood
STRENGTHS = (0.25, 0.4, 0.6, 0.8, 1.0, 1.3, 1.8, 2.5)  # times the noise, which are tried
COLOURS = 4096  # steps of the bilateral filter's table
BLOCK, STEP, REACH = 8, 3, 16  # of BM3D: pixels of a block, between references, and around one
HARD, WIENER = (16, 4.0), (32, 0.64)  # blocks of a group, and their largest squared difference in noise variances
THRESHOLD, KAISER = 2.7, 2.0  # noise standard deviations below which a coefficient is noise; shape of a block's weights

Filter = Callable[[NDArray[np.float32], float], NDArray[np.float32]]


def non_local_means(image: NDArray[np.float32], strength: float) -> NDArray[np.float32]:
    """The mean of pixels whose surroundings look alike, (rows, columns); `strength` in the image's unit."""
    from skimage.restoration import denoise_nl_means

    made = denoise_nl_means(
        image.astype(np.float64), patch_size=PATCH, patch_distance=AROUND, h=strength, fast_mode=True,
        preserve_range=True,
    )  # fmt: skip
    return np.asarray(made, np.float32)


def bilateral(image: NDArray[np.float32], strength: float) -> NDArray[np.float32]:
    """The mean of near pixels with near values, (rows, columns); `strength` in the image's unit, for values."""
    from skimage.restoration import denoise_bilateral

    low = float(image.min())
    made = denoise_bilateral(
        (image - low).astype(np.float64), sigma_color=strength, sigma_spatial=SPATIAL, bins=COLOURS, mode="edge"
    )
    return np.asarray(made + low, np.float32)


def bm3d(image: NDArray[np.float32], strength: float) -> NDArray[np.float32]:
    """BM3D (rows, columns): blocks that look alike are filtered together, by a threshold, then by Wiener's filter.

    strength  standard deviation of the noise, in the image's unit. The method takes it for white; that of CT is not, so
              that the best strength is found by trying.

    Raises SettingsError for a strength of 0 or less, or an image smaller than a block.
    """
    from radcnn.kernels.block_matching import filter_groups

    if not strength > 0 or min(image.shape) < BLOCK:
        raise SettingsError(f"BM3D needs a strength above 0 and {BLOCK} pixels a side, got {strength:g}, {image.shape}")
    noisy = np.ascontiguousarray(image, np.float32)
    transform = dct(np.eye(BLOCK), axis=0, norm="ortho").astype(np.float32)
    window = np.outer(np.kaiser(BLOCK, KAISER), np.kaiser(BLOCK, KAISER)).astype(np.float32)
    rows, columns = (np.unique([*range(0, n - BLOCK + 1, STEP), n - BLOCK]) for n in noisy.shape)
    guide = noisy
    for threshold, most, near in ((THRESHOLD, *HARD), (0.0, *WIENER)):
        above, below = np.zeros(noisy.shape), np.zeros(noisy.shape)
        filter_groups(
            noisy, guide, transform, window, rows, columns, REACH, most, near * strength**2, strength, threshold,
            above, below,
        )  # fmt: skip
        guide = (above / below).astype(np.float32)
    return guide


FILTERS: Mapping[str, Filter] = MappingProxyType(
    {"non-local means": non_local_means, "bilateral": bilateral, "BM3D": bm3d}
)


def filtered(images: NDArray[np.float32], by: Filter, strength: float) -> NDArray[np.float32]:
    """Slices (n, rows, columns), each filtered; all cores work."""
    with ThreadPoolExecutor(available_cores(), thread_name_prefix="filter") as pool:
        return np.stack(list(pool.map(lambda image: by(image, strength), images)))


def best_strength(
    images: NDArray[np.float32],
    references: NDArray[np.float32],
    by: Filter,
    strengths: Sequence[float],
) -> float:
    """The strength whose images (n, rows, columns) are nearest to the references, by mean square.

    For tuning images. Raises SettingsError without a strength.
    """
    if not strengths:
        raise SettingsError("give at least one strength to choose from")
    errors = {s: float(np.mean((filtered(images, by, s) - references) ** 2)) for s in strengths}
    return min(errors, key=lambda s: errors[s])
