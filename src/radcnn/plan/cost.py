"""What training will cost: seconds from counted arithmetic and memory traffic, the same on every machine of a kind.

The estimate counts, it does not time: two proposals on one machine are equal, whatever else the machine is doing. The
rates were fitted to measured training steps (docs/decisions/0003-cost-model.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from radcnn.core.cores import VectorBits
from radcnn.core.settings import to_plain
from radcnn.networks import activation_elements, multiply_accumulates
from radcnn.networks.build import bare
from radcnn.networks.layers import Dims
from radcnn.plan.settings import NetworkPlan, Precision
from radcnn.transforms.preparation import Preparation

PASSES = 3  # a training step costs a forward pass and a backward pass of twice that
TRAFFIC = 4 * 8  # bytes moved per activation in a training step: float32, read and written a few times
BFLOAT16_GAIN = 1.4  # times as fast as in float32, at least, where a trial found bfloat16 worth taking


@dataclass(frozen=True)
class Rates:
    """What one core does in a second, as layers reach it; with vectors of 512 bits where nothing else is said.

    flops           arithmetic of convolutions in float32
    bytes           memory traffic of normalisations and activations
    volumes         share of the arithmetic that convolutions of volumes reach
    bfloat16_flops  arithmetic in bfloat16, which moves as much as float32 does; None: all is `BFLOAT16_GAIN` as fast
    """

    flops: float
    bytes: float
    volumes: float = 1.0
    bfloat16_flops: float | None = None


CLASSIFIERS = Rates(100e9, 10e9, volumes=0.6)
PATCHES: Mapping[VectorBits, Rates] = {  # of networks that answer at every voxel, by the width of a core's vectors
    512: Rates(160e9, 10e9, bfloat16_flops=320e9),
    256: Rates(40e9, 2.5e9),
}


@dataclass(frozen=True)
class Cost:
    """Cost of one case: multiply-accumulates of a forward pass, and activations it leaves behind.

    weights  numbers that the network keeps, whatever the case: kernels, biases, statistics of normalisations
    """

    macs: int
    activations: int
    dims: int
    weights: int = 0

    def training_seconds(
        self, cases: int, cores: int, precision: Precision = "float32", rates: Rates = CLASSIFIERS
    ) -> float:
        """Seconds to train on so many cases once."""
        return cases * self._seconds(PASSES, TRAFFIC, precision, rates) / cores

    def prediction_seconds(self, cases: int, cores: int, precision: Precision = "float32") -> float:
        """Seconds to predict so many cases."""
        return cases * self._seconds(1, TRAFFIC / 4, precision, CLASSIFIERS) / cores

    def training_bytes(self, batch: int) -> int:
        """Memory of a training step: activations kept for the backward pass, and as much again in passing."""
        return 2 * 4 * self.activations * batch

    def _seconds(self, passes: float, traffic: float, precision: Precision, rates: Rates) -> float:
        """Seconds of one core for a case."""
        low = precision == "bfloat16"
        flops, gain = rates.flops, BFLOAT16_GAIN if low else 1.0
        if low and rates.bfloat16_flops is not None:
            flops, gain = rates.bfloat16_flops, 1.0
        flops *= 1.0 if self.dims == 2 else rates.volumes
        return (passes * 2 * self.macs / flops + traffic * self.activations / rates.bytes) / gain


def cost_of(network: NetworkPlan, preparation: Preparation, outputs: int) -> Cost:
    """The cost of one case of this preparation in this network; nothing is computed, only counted."""
    options = json.dumps(to_plain(dict(network.options)), sort_keys=True)
    return _counted(network.name, options, preparation.channels, outputs, preparation.size)


@lru_cache(maxsize=1024)
def _counted(name: str, options: str, channels: int, outputs: int, size: tuple[int, ...]) -> Cost:
    """Counted once: one proposal asks for the same few networks several times."""
    dims: Dims = 2 if len(size) == 2 else 3
    built, _, _ = bare(name, channels=channels, outputs=outputs, dims=dims, options=json.loads(options))
    macs = multiply_accumulates(built, size, channels)
    weights = sum(value.numel() for value in built.state_dict().values())
    return Cost(macs, activation_elements(built, size, channels), dims, weights)
