"""Images restored by a network: slice by slice, volume by volume, or patch by patch without a seam.

Patches overlap by what the network sees (its halo), and of each only the part is kept that sees no edge of it, so that
patches give the image that the whole slice would (the review, "Others": patches are put together to the output image).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.core.errors import GeometryError, SettingsError
from radcnn.inference.reach import Reach
from radcnn.inference.windows import windowed_logits
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.restoration import RestorationPlan
from radcnn.tasks.restoration import restoration_of

OutputsOf = Callable[[ImageNetwork, Tensor], Tensor]
SIDE_3D = 128  # voxels of a window of a volume, where that leaves something beside the halo
AT_ONCE = 1 << 18  # pixels of slices that are computed together


def restored(
    networks: Sequence[ImageNetwork],
    values: NDArray,
    plan: RestorationPlan,
    *,
    outputs_of: OutputsOf,
    patch: int | None = None,
    told: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """The mean of what the networks make of an image, in its unit and on its grid.

    values      (rows, columns) or (slices, rows, columns), in the unit that the networks learned from
    outputs_of  how a network is run, such as `learning.execution.logits_of`
    patch       pixels of square patches to work on; None: whole slices
    told        hears how many slices are done

    Raises GeometryError for an image of another rank, SettingsError for a patch that is not larger than what the
    network sees beside each voxel.
    """
    if values.ndim not in (2, 3) or values.ndim < plan.dims:
        raise GeometryError(f"a network of {plan.dims} axes restores no array of shape {values.shape}")
    volume = values[None] if values.ndim == 2 else values
    task = restoration_of(plan)
    seen = task.encode(torch.from_numpy(np.ascontiguousarray(volume, np.float32))).numpy()
    made = np.zeros(volume.shape, np.float32)
    with torch.inference_mode():
        for network in networks:
            if plan.dims == 3:
                made += _volume(network, seen, outputs_of)
            else:
                _slices(network, seen, plan.neighbours, outputs_of, patch, made, told)
    made /= len(networks)
    return task.decode(torch.from_numpy(made)).numpy().reshape(values.shape)


def _slices(
    network: ImageNetwork,
    seen: NDArray[np.float32],
    neighbours: int,
    outputs_of: OutputsOf,
    patch: int | None,
    made: NDArray[np.float32],
    told: Callable[[int, int], None] | None,
) -> None:
    """Add what the network makes of each slice."""
    many = max(1, AT_ONCE // (seen.shape[1] * seen.shape[2]))
    count = len(seen)
    for first in range(0, count, many):
        rows = np.arange(first, min(first + many, count))
        beside = np.clip(rows[:, None] + np.arange(-neighbours, neighbours + 1), 0, count - 1)
        images = seen[beside]
        if patch is None:
            found = outputs_of(network, torch.from_numpy(images)).cpu().numpy()
        else:
            found = np.stack([_by_windows(network, image, (patch,) * 2, outputs_of) for image in images])
        made[rows] += found[:, 0]
        if told is not None:
            told(int(rows[-1]) + 1, count)


def _volume(network: ImageNetwork, seen: NDArray[np.float32], outputs_of: OutputsOf) -> NDArray[np.float32]:
    """A volume at once where it is small, else by windows."""
    if max(seen.shape) <= SIDE_3D:
        made: NDArray[np.float32] = outputs_of(network, torch.from_numpy(seen[None, None])).cpu().numpy()[0, 0]
        return made
    side = max(SIDE_3D, 2 * network.halo + 4 * network.multiple)
    window = tuple(min(side, n + -n % network.multiple) for n in seen.shape)
    return _by_windows(network, seen[None], window, outputs_of)[0]


def _by_windows(
    network: ImageNetwork, image: NDArray[np.float32], window: tuple[int, ...], outputs_of: OutputsOf
) -> NDArray[np.float32]:
    """Outputs (1, *size) of an image (C, *size): the network fills it up by zeros, so it is filled up before it is cut.

    Layers that take statistics of what they are given, as instance normalisation does, see the window instead.
    """
    size, multiple = image.shape[1:], network.multiple
    window = tuple(side + -side % multiple for side in window)
    filled = np.pad(image, [(0, 0), *((0, -n % multiple) for n in size)])
    fits = tuple(min(w, n) for w, n in zip(window, filled.shape[1:], strict=True))
    if any(w < n and w <= 2 * network.halo for w, n in zip(fits, filled.shape[1:], strict=True)):
        raise SettingsError(
            f"patches must be larger than what the network sees on both sides of a voxel ({2 * network.halo}), got "
            f"{min(fits)}; take larger ones, or whole slices"
        )
    reach = Reach((network.halo,) * len(size), (network.halo,) * len(size), (multiple,) * len(size))
    made = windowed_logits(filled, lambda block: outputs_of(network, block).cpu(), window=fits, reach=reach, batch=4)
    return made[(slice(None), *(slice(0, n) for n in size))]
