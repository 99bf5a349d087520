"""Grad-CAM over a batch: the graph cut at the layer, beside captum and beside the forward pass alone.

python benchmarks/engine/activation_maps.py [--json FILE]
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from timing import measure, report, versions, write_rows

from radcnn.core.cores import available_cores
from radcnn.explanation.activation import class_activation
from radcnn.networks import build

BATCH, SIDE, ALLOWED = 8, 224, 1.05


def main() -> None:
    """Time them side by side and compare the maps."""
    torch.set_num_threads(available_cores())
    network = build("resnet18", channels=3, outputs=2, dims=2, options={}, seed=0).eval()
    network = network.to(memory_format=torch.channels_last)
    images = torch.randn(BATCH, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    images = images.contiguous(memory_format=torch.channels_last)

    def forward() -> torch.Tensor:
        with torch.inference_mode():
            return network(images)

    ours = "radcnn, class_activation"
    jobs: dict[str, Callable[[], object]] = {
        ours: lambda: class_activation(network, "layer4", images, 1),
        "the forward pass alone": forward,
    }
    off = float("nan")
    try:
        from captum.attr import LayerGradCam
    except ImportError:
        print("captum is not installed")
    else:
        captum = LayerGradCam(network, network.layer4)

        def peer() -> torch.Tensor:
            return captum.attribute(images, target=1, relu_attributions=True).detach()

        jobs["captum LayerGradCam"] = peer
        off = float((peer()[:, 0] - class_activation(network, "layer4", images, 1)[0]).abs().max())
    timed = measure(jobs, runs=9)
    share = timed[ours].median / timed["the forward pass alone"].median
    row = report(
        f"Grad-CAM, ResNet-18, {BATCH} images of {SIDE} pixels", timed, ours=ours, reach=1 / ALLOWED,
        asked=f"at most {ALLOWED} x the forward pass", note=f"largest difference to captum {off:.1g}",
        extra={"times_the_forward_pass": round(share, 3), "versions": versions("torch", "captum")},
    )  # fmt: skip
    row["reached"] = share <= ALLOWED
    print(f"  ours / the forward pass: {share:.3f}; {row['note']}")
    write_rows([row])


if __name__ == "__main__":
    main()
