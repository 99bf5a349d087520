"""One image that is restored and attacked: what networks make of it, the slope of its error, and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.attacks.dense import Sloped
from radcnn.evaluation.restoration import figures_of
from radcnn.inference.slopes import restoring_pieces, slope_through, total
from radcnn.metrics.fidelity import rms_error
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.restoration import RestorationPlan
from radcnn.robustness.dense import GROWTH
from radcnn.study.stressing.dense import Trial
from radcnn.tasks.restoration import restoration_of

MAIN = "RMSE"
INPUT_ERROR = "RMSE of the input"


@dataclass(frozen=True, eq=False)
class Restoring:
    """One image that is restored: the run's networks and plan, the image ([slices,] rows, columns), its reference.

    clean  what is made of the image without attack
    """

    networks: Sequence[ImageNetwork]
    plan: RestorationPlan
    given: NDArray[np.float32]
    wanted: NDArray[np.float32]
    clean: Tensor = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "clean", self.restored(torch.from_numpy(self.given.copy())[None]))

    def restored(self, image: Tensor) -> Tensor:
        """What the networks make of an image (1, *size), in its unit."""
        task = restoration_of(self.plan)
        pieces = restoring_pieces(self.networks, self.plan, image.shape[1:])
        return task.decode(total(pieces, task.encode(image), 1))

    def trial(self, number: int, patient: str, noise: float) -> Trial:
        """The case as it is attacked: away from its reference."""
        low, high = float(self.given.min()), float(self.given.max())
        image = torch.from_numpy(self.given.copy())[None]
        return Trial(number, patient, image, low, high, 1.0, noise, self.look, self.figures, self.seen)

    def look(self, image: Tensor, _: float) -> Sloped:
        """The RMSE beside the reference, and the slope of its square."""
        apart = self.restored(image) - torch.from_numpy(self.wanted.copy())[None]
        return Sloped(float(apart.double().square().mean().sqrt()), self.slope(image, apart))

    def slope(self, image: Tensor, upstream: Tensor) -> Tensor:
        """The slope at an image of a loss whose slope at what is made of it is `upstream`, up to its length."""
        encoded = restoration_of(self.plan).encode(image)
        return slope_through(restoring_pieces(self.networks, self.plan, image.shape[1:]), encoded, upstream)

    def figures(self, image: Tensor) -> dict[str, float]:
        """Nearness to the reference, of the image too, and how much the network lets a change grow."""
        made = self.restored(image)
        every = figures_of(made[0].numpy(), self.wanted, self.plan.windows)
        found = {name: value for name, value in every.items() if name.startswith((MAIN, "PSNR", "SSIM"))}
        found[INPUT_ERROR] = rms_error(image[0].numpy(), self.wanted)
        change = rms_error(image[0].numpy(), self.given)
        found[GROWTH] = rms_error(made[0].numpy(), self.clean[0].numpy()) / change if change > 0 else np.nan
        for window in self.plan.windows:  # not there where an image is smaller than their windows
            found.setdefault(f"SSIM, {window.name}", np.nan)
        return found

    def seen(self, image: Tensor) -> tuple[NDArray, NDArray]:
        """The reference and what is made of the image, for pictures."""
        return self.wanted[None], self.restored(image).numpy()
