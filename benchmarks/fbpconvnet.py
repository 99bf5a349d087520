"""One slice of 512 x 512 through FBPConvNet: milliseconds in float32, bfloat16 and by OpenVINO, and the error in HU.

    python benchmarks/fbpconvnet.py

The network is the paper's (64 to 1,024 kernels) with random weights, its last layer scaled so that it changes an image
by some tens of HU, as a trained one does. bfloat16 is asked only where the processor has instructions for it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent / "engine"))
from timing import measure

from radcnn.core.cores import available_cores
from radcnn.inference.engines import available_engines, compiled
from radcnn.learning.execution import Execution, keep_memory, logits_of
from radcnn.learning.precision import offers_bfloat16
from radcnn.networks.image_networks import build_image_network

SIDE, CHANGE_HU, UNIT_HU = 512, 30.0, 1000.0


def main() -> None:
    """Time each way and print its largest and root mean square difference from float32, in HU."""
    keep_memory()
    torch.set_num_threads(available_cores())
    network = build_image_network("fbpconvnet", seed=0).eval()
    image = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.nn.init.normal_(network.output.weight, 0, 1)  # it begins as the identity
        change = (network(image) - image).std()
        network.output.weight *= CHANGE_HU / UNIT_HU / change
    ways = {"torch, float32": Execution(channels_last=False), "radcnn, float32": Execution(channels_last=True)}
    if offers_bfloat16("cpu"):
        ways["radcnn, bfloat16"] = Execution(channels_last=True, bfloat16=True)
    jobs = {}
    for name, way in ways.items():
        placed = way.place(build_like(network))
        jobs[name] = lambda placed=placed, way=way: logits_of(placed, image, way)
    for engine in available_engines():
        if engine != "plain":
            run = compiled(network, image, engine, threads=available_cores())
            jobs[engine] = lambda run=run: run(image)
    with torch.inference_mode():
        made = {name: job() for name, job in jobs.items()}
        timed = measure(jobs, runs=5)
    exact = made["torch, float32"]
    for name, found in made.items():
        apart = UNIT_HU * (torch.as_tensor(found) - exact).double()
        worst, rms = float(apart.abs().max()), float(apart.square().mean().sqrt())
        print(f"{name:<28} {timed[name].median:8.0f} ms   {rms:.3f} HU rms, {worst:.2f} HU at most")


def build_like(network: torch.nn.Module) -> torch.nn.Module:
    """A copy of the network."""
    other = build_image_network("fbpconvnet", seed=0).eval()
    other.load_state_dict(network.state_dict())
    return other


if __name__ == "__main__":
    main()
