"""FBPConvNet (J3): a U-Net after filtered back-projection of few views (Jin et al., IEEE TIP 2017;26:4509; ref 54).

The network sees what few views reconstruct and learns what all views would have: streaks are taken away, what is not in
the data is not asked for. It is compared with total variation, whose weight is chosen on tuning images, with CGLS, and
with two ablations: the same network without its residual connection, and from the sinogram itself without FBP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from radcnn.core.cores import available_cores
from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.data.findings import counted
from radcnn.data.store import StoredCase
from radcnn.learning.execution import keep_memory
from radcnn.metrics.clustered import clustered_mean
from radcnn.metrics.fidelity import regressed_snr
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.iterative import best_weight, cgls, total_variation
from radcnn.physics.phantoms.random_ellipses import VIEWS, EllipseImage, ellipse_images, full_beam, step_of
from radcnn.physics.projection import project
from radcnn.physics.reconstruction import fbp
from radcnn.plan.restoration import RestorationPlan, Scale, Window
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.recipes.recipe import Reproduced, keep, new_folder
from radcnn.recipes.taught import EPOCHS, in_trusted_precision, paired, teach, telling, timed, within
from radcnn.study.listener import SILENCE, Listener

TITLE = "a U-Net after FBP of few views: FBPConvNet"
IMAGES, TEST = 500, 25  # of the paper: the last 5 % are tested
TUNING = 25  # ours, out of the paper's 475: a weight or an epoch that is chosen on test images flatters
LEVELS = 5
WIDTHS = (64, 48, 32, 24, 16, 12, 8)
ENOUGH_STEPS = 1500
BATCH = 2
WEIGHTS = (3.0, 10.0, 30.0, 100.0, 300.0)  # of total variation
WEIGHED = 4  # tuning images on which its weight is chosen
ITERATIONS, CGLS_STEPS = 300, (5, 10, 15, 20, 30)
PAPER: Mapping[int, str] = {
    50: "50 views: FBP 8.44, TV 27.69, network 23.84 dB: total variation wins on ellipses",
    143: "143 views: FBP 16.09, TV 29.48, network 28.96 dB: total variation wins on ellipses",
}


@dataclass(frozen=True, eq=False)
class _Data:
    """Images of one set: what few views say and reconstruct, and what all views do."""

    sinograms: NDArray[np.float32]
    few: NDArray[np.float32]
    full: NDArray[np.float32]


def jin2017(
    out: Path | str,
    *,
    views: int = 50,
    size: int = 256,
    images: int = IMAGES,
    minutes: float = 30.0,
    ablations: bool = True,
    seed: int = 0,
    listener: Listener = SILENCE,
) -> Reproduced:
    """Build FBPConvNet on random ellipses and compare it, by the regressed SNR of 25 test images.

    views      of 1,000 that are kept: 50 or 143 in the paper
    size       pixels a side: 512 in the paper
    images     500 in the paper; at least 110
    minutes    for all trainings together; the network is as wide as they allow, up to the paper's
    ablations  also train without the residual connection, and from the sinogram

    Raises SettingsError for numbers that do not fit, InputError where something lies in `out` already.
    """
    few = step_of(views)
    if images < 2 * (TEST + TUNING) + 10:
        raise SettingsError(f"images must be at least {2 * (TEST + TUNING) + 10}, got {images}")
    if size % 2 ** (LEVELS - 1):
        raise SettingsError(f"size must be a multiple of {2 ** (LEVELS - 1)}, got {size}")
    if not minutes > 0:
        raise SettingsError(f"minutes must be positive, got {minutes:g}")
    folder = new_folder(Path(out))
    keep_memory()
    torch.set_num_threads(available_cores())
    beam = full_beam(size).every(few)
    listener.say(f"simulating {counted(images, 'image')} of ellipses, {VIEWS} views each, of which {views} are kept")
    made = list(ellipse_images(images, few, size=size, seed=seed, told=telling(listener, "simulating")))
    training, tuning, test = _sets(made, beam)
    variants: dict[str, bool | None] = {"FBPConvNet": True}
    if ablations:
        variants |= {"without the residual connection": False, "from the sinogram, without FBP": None}
    plan = _plan(size, minutes / len(variants), seed, listener)
    ways: dict[str, tuple[NDArray[np.float32], float]] = {"FBP": timed(lambda: fbp_of(test, beam))}
    ways |= _classical(tuning, test, beam, listener)
    for name, residual in variants.items():
        chosen = replace(plan, network=_variant(plan.network, residual=bool(residual)))
        listener.say(f"training {name}: {counted(plan.steps * EPOCHS, 'step')}")
        ways[name] = _by_network(name, chosen, (training, tuning, test), residual, folder, listener)
    found = Reproduced(
        "jin2017", TITLE, _protocol(plan, size, images, views), _table(ways, test, beam),
        paper=(PAPER[views], "its ellipses are drawn otherwise and have 512 pixels: compare the order, not the numbers")
        if views in PAPER else (),
    )  # fmt: skip
    keep(found, folder)
    return found


def _sets(made: Sequence[EllipseImage], beam: ParallelBeam) -> tuple[_Data, _Data, _Data]:
    sinograms = np.stack([one.sinogram for one in made])
    full = np.stack([one.full for one in made])
    few = np.concatenate([fbp(torch.from_numpy(part), beam).numpy() for part in np.array_split(sinograms, 10)])
    ends = (0, len(made) - TEST - TUNING, len(made) - TEST, len(made))
    first, second, third = (_Data(sinograms[a:b], few[a:b], full[a:b]) for a, b in pairwise(ends))
    return first, second, third


def fbp_of(data: _Data, beam: ParallelBeam) -> NDArray[np.float32]:
    """FBP of the few views."""
    made: NDArray[np.float32] = fbp(torch.from_numpy(data.sinograms), beam).numpy()
    return made


def _plan(size: int, minutes: float, seed: int, listener: Listener) -> RestorationPlan:
    """The paper's network, as wide as the minutes allow, on whole images."""
    for width in WIDTHS:
        network = NetworkPlan("fbpconvnet", {"kernels": [width * 2**k for k in range(LEVELS)]})
        first = RestorationPlan(
            network, TrainingPlan(epochs=1, batch=BATCH), (size, size), loss="mse", scale=Scale(0.0, 1.0),
            units="arbitrary", windows=(Window("all values", 0.0, 2.0),), seed=seed,
        )  # fmt: skip
        plan = within(first, minutes)
        if plan.steps * EPOCHS >= ENOUGH_STEPS:
            break
    return in_trusted_precision(plan, minutes, listener)


def _variant(network: NetworkPlan, *, residual: bool) -> NetworkPlan:
    return NetworkPlan(network.name, {**network.options, "residual": residual})


def _by_network(
    name: str,
    plan: RestorationPlan,
    sets: tuple[_Data, _Data, _Data],
    residual: bool | None,
    folder: Path,
    listener: Listener,
) -> tuple[NDArray[np.float32], float]:
    """Test images restored by a network that was trained for it, and seconds for each.

    residual  None: the network sees the sinogram, brought to the size of the image, instead of its FBP
    """
    pairs = [_pairs(data, residual) for data in sets]
    taught = teach(name.split(",")[0].replace(" ", "-"), plan, pairs[0], pairs[1], folder, listener)
    given = np.stack([pair.image[0] for pair in pairs[2]])
    return timed(lambda: taught.restore(given))


def _pairs(data: _Data, residual: bool | None) -> list[StoredCase]:
    seen = data.few if residual is not None else _as_images(data.sinograms, data.full.shape[-1])
    return paired(seen, data.full)


def _as_images(sinograms: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Sinograms (n, views, detectors) as large as images, with values of their order."""
    grown = F.interpolate(torch.from_numpy(sinograms)[:, None], (size, size), mode="bilinear", align_corners=False)
    made: NDArray[np.float32] = (grown[:, 0] / grown.amax()).numpy()
    return made


def _classical(
    tuning: _Data, test: _Data, beam: ParallelBeam, listener: Listener
) -> dict[str, tuple[NDArray[np.float32], float]]:
    """CGLS and total variation, both chosen on tuning images."""
    few = slice(None, WEIGHED)
    rays, truths = torch.from_numpy(tuning.sinograms[few]), torch.from_numpy(tuning.full[few])
    errors = {n: float((cgls(rays, beam, iterations=n) - truths).square().mean()) for n in CGLS_STEPS}
    steps = min(errors, key=lambda n: errors[n])
    listener.say("choosing the weight of total variation on tuning images")
    weight = best_weight(rays, truths, beam, WEIGHTS, iterations=ITERATIONS)
    listener.say(f"total variation: weight {weight:.3g}; CGLS: {counted(steps, 'step')}")
    given = torch.from_numpy(test.sinograms)
    return {
        "CGLS": timed(lambda: cgls(given, beam, iterations=steps).numpy()),
        "total variation": timed(lambda: total_variation(given, beam, weight=weight, iterations=ITERATIONS).numpy()),
    }


def _table(
    ways: Mapping[str, tuple[NDArray[np.float32], float]], test: _Data, beam: ParallelBeam
) -> dict[str, dict[str, Estimate]]:
    """Regressed SNR beside all views, what it gains over FBP, and how far it contradicts the measured rays."""
    names = [str(k) for k in range(len(test.full))]
    base = np.array([regressed_snr(a, b) for a, b in zip(test.few, test.full, strict=True)])
    rows: dict[str, dict[str, Estimate]] = {}
    for way, (images, seconds) in ways.items():
        snr = np.array([regressed_snr(a, b) for a, b in zip(images, test.full, strict=True)])
        rows[way] = {
            "regressed SNR (dB)": clustered_mean(snr, names),
            "over FBP (dB)": clustered_mean(snr - base, names),
            "|Ax - y| / |y|": clustered_mean(_contradiction(images, test, beam), names),
            "ms an image": Estimate(1000 * seconds, np.nan, np.nan, len(names), len(names), "one run"),
        }
    return rows


def _contradiction(images: NDArray[np.float32], test: _Data, beam: ParallelBeam) -> NDArray[np.float64]:
    """How far the projections of images are from the measured ones: what a network made up shows here."""
    seen = project(torch.from_numpy(np.ascontiguousarray(images, np.float32)), beam).numpy()
    apart = np.linalg.norm((seen - test.sinograms).reshape(len(images), -1), axis=1)
    return apart / np.linalg.norm(test.sinograms.reshape(len(images), -1), axis=1)


def _protocol(plan: RestorationPlan, size: int, images: int, views: int) -> tuple[str, ...]:
    kernels = plan.network.options["kernels"]
    assert isinstance(kernels, list)
    images_said = (
        f"{images} images of 5 to 15 random ellipses, {size} x {size} pixels (paper: 500 of 512 x 512), exact line "
        f"integrals of {VIEWS} views; the last {TEST} are tested, {TUNING} before them tuned on"
    )
    training_said = (
        f"U-Net of {' '.join(map(str, kernels))} kernels (paper: 64 to 1024), {plan.steps * EPOCHS} steps of "
        f"{counted(BATCH, 'image')} each by AdamW (paper: 151 epochs of single images by momentum)"
    )
    return (
        images_said,
        f"input: FBP of {views} views; target: FBP of all {VIEWS}, as in the paper",
        training_said,
        f"total variation: {ITERATIONS} steps, one weight chosen on {WEIGHED} tuning images (paper: for each image)",
    )
