"""A channelised Hotelling observer: whether a lesion of known place and shape can be told from noise.

It looks at an image through a few channels, bands of frequency as the eye's, and weighs them by the noise's own
covariance: the linear observer that does best with these channels (Barrett et al. 1993, doi:10.1073/pnas.90.21.9758;
channels of Abbey and Barrett 2001, doi:10.1364/JOSAA.18.000473). Noise that looks smooth but hides a lesion lowers it,
where PSNR rises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from radcnn.core.chance import generator
from radcnn.core.errors import InputError
from radcnn.core.estimate import Estimate
from radcnn.metrics.bootstrap import bootstrap_auc
from radcnn.metrics.clustered import Floats, patient_codes

CHANNELS = 10
FIRST, RATIO, WIDENED = 0.005, 1.4, 1.67  # cycles per pixel of the first channel; from one to the next; its width
FOLDS = 2  # patients on which templates are made, and others on which they are judged


@dataclass(frozen=True, eq=False)
class Observer:
    """Channels (k, side, side) and the weight of each in the test statistic, (k,)."""

    channels: Floats
    weights: Floats

    def scores(self, patches: ArrayLike) -> Floats:
        """The test statistic (n,) of patches (n, side, side): higher where the lesion is more likely there."""
        scored: Floats = _responses(np.asarray(patches, np.float64), self.channels) @ self.weights
        return scored


def dense_gaussian_channels(side: int) -> Floats:
    """Ten differences of Gaussians in frequency, (10, side, side), centred in the patch."""
    lines = np.fft.fftfreq(side)
    f = np.hypot(lines[:, None], lines[None, :])
    made = []
    for k in range(CHANNELS):
        width = FIRST * RATIO**k
        band = np.exp(-0.5 * (f / (WIDENED * width)) ** 2) - np.exp(-0.5 * (f / width) ** 2)
        # an even side has no middle pixel: the patch's middle lies between two
        shift = np.exp(-2j * np.pi * (side - 1) / 2 * (lines[:, None] + lines[None, :]))
        made.append(np.fft.ifft2(band * shift).real)
    return np.array(made)


def trained_observer(present: ArrayLike, absent: ArrayLike) -> Observer:
    """The observer from patches with the lesion (n, side, side) and without (m, side, side).

    Raises InputError where there are fewer patches than channels need, or sizes differ.
    """
    there, gone = np.asarray(present, np.float64), np.asarray(absent, np.float64)
    if there.ndim != 3 or gone.ndim != 3 or there.shape[1:] != gone.shape[1:] or there.shape[1] != there.shape[2]:
        raise InputError(f"patches must be (n, side, side) of one size, got {there.shape} and {gone.shape}")
    if min(len(there), len(gone)) <= CHANNELS:
        raise InputError(
            f"an observer of {CHANNELS} channels needs more than {CHANNELS} patches with and without the lesion, got "
            f"{len(there)} and {len(gone)}"
        )
    channels = dense_gaussian_channels(there.shape[1])
    with_it, without = _responses(there, channels), _responses(gone, channels)
    spread = (np.cov(with_it.T) + np.cov(without.T)) / 2
    apart = with_it.mean(axis=0) - without.mean(axis=0)
    return Observer(channels, np.linalg.lstsq(spread, apart, rcond=1e-10)[0])


def detectability(
    present: ArrayLike,
    absent: ArrayLike,
    patients_present: ArrayLike,
    patients_absent: ArrayLike,
    *,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """The observer's AUC, with an interval by patient: templates are judged on patients they were not made from.

    present, absent  patches (n, side, side) and (m, side, side)
    patients_...     whose each is, (n,) and (m,)

    Raises InputError as `trained_observer`, on half of the patients.
    """
    there, gone = np.asarray(present, np.float64), np.asarray(absent, np.float64)
    names = np.concatenate([np.asarray(patients_present), np.asarray(patients_absent)])
    if len(names) != len(there) + len(gone):
        raise InputError(f"every patch needs its patient: got {len(there) + len(gone)} patches, {len(names)} patients")
    codes = patient_codes(names)
    fold = generator(seed, "observer").permutation(int(codes.max()) + 1)[codes] % FOLDS
    first, scores = len(there), np.empty(len(names))
    for k in range(FOLDS):
        seen = trained_observer(there[fold[:first] != k], gone[fold[first:] != k])
        scores[:first][fold[:first] == k] = seen.scores(there[fold[:first] == k])
        scores[first:][fold[first:] == k] = seen.scores(gone[fold[first:] == k])
    truth = np.arange(len(names)) < first
    return bootstrap_auc(scores, truth, names, level=level, seed=seed)


def d_prime(auc: float) -> float:
    """The detectability index of normal scores with this AUC: root 2 times its quantile.

    >>> round(d_prime(0.76), 3)
    0.999
    """
    return float(math.sqrt(2) * special.ndtri(auc))


def _responses(patches: Floats, channels: Floats) -> Floats:
    responses: Floats = patches.reshape(len(patches), -1) @ channels.reshape(len(channels), -1).T
    return responses
