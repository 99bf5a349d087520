"""A 3D U-Net on one window of 96^3: torch, its compiler, ONNX Runtime, and OpenVINO as radcnn uses it.

    python benchmarks/engine/prediction_3d.py [--json FILE]

Ours is the fastest engine whose masks agree with those of torch in float32 (Dice of every label at least 0.999).
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from phantoms import balls, taught
from timing import Timed, measure, report, versions, write_rows
from torch import Tensor, nn
from unet import UNet, gigaflops

from radcnn.core.cores import available_cores
from radcnn.inference.choice import masks_agree
from radcnn.inference.engines import available_engines, compiled

Compute = Callable[[Tensor], Tensor]
Make = Callable[[nn.Module, Tensor], Compute]
SIDE = 96


def main() -> None:
    """Time all of them side by side."""
    torch.manual_seed(0)
    torch.set_num_threads(available_cores())
    network = taught(UNet())
    image, _ = balls(SIDE, torch.Generator().manual_seed(1))
    jobs: dict[str, Compute] = {"torch, eager float32": network}
    if "openvino-bfloat16" in available_engines():  # elsewhere one window takes minutes
        jobs["torch, bfloat16 autocast"] = autocast(network)
    jobs |= {name: made for name, make in PEERS.items() if (made := attempted(name, make, network, image)) is not None}
    engines = {f"radcnn, {e}": compiled(network, image, e, threads=available_cores()) for e in available_engines()[1:]}
    with torch.inference_mode():
        truth = network(image)
        agreed = {name: masks_agree(truth, compute(image)) for name, compute in engines.items()}
        timed = measure({name: (lambda f=f: f(image)) for name, f in {**jobs, **engines}.items()}, runs=5)
    taken = [name for name in engines if agreed[name][0]]
    ours = min(taken, key=lambda name: timed[name].median)
    others = {name: timed[name] for name in jobs if name != "torch, bfloat16 autocast"}
    shown: dict[str, Timed] = {ours: timed[ours], **others}
    for name, found in timed.items():
        print(f"  {name:40s} {found.median:8.0f} ms  {agreed[name][1] if name in agreed else ''}")
    eager = timed["torch, eager float32"].median / timed[ours].median
    row = report(
        f"3D U-Net ({gigaflops(network, image):.0f} GFLOP) on one {SIDE}^3 window", shown, ours=ours, reach=1.0,
        asked="5 x torch eager float32 with bfloat16 that agrees, else 3 x; faster than every peer",
        note="; ".join(f"{name}: {sentence}" for name, (_, sentence) in agreed.items()),
        extra={"times_eager": round(eager, 2), "versions": versions("torch", "openvino", "onnxruntime")},
    )  # fmt: skip
    row["reached"] = bool(row["ratio"] >= 1 and eager >= (5 if "bfloat16" in ours else 3))
    print(f"  torch eager float32 / ours: {eager:.2f}")
    write_rows([row])


def autocast(network: nn.Module) -> Compute:
    """Eager torch in bfloat16."""

    def compute(image: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return network(image)

    return compute


def attempted(
    name: str, make: Callable[[nn.Module, Tensor], Compute], network: nn.Module, image: Tensor
) -> Compute | None:
    """A peer, or None with a line where it does not work here."""
    try:
        made = make(network, image)
        made(image)
    except Exception as cause:
        print(f"  {name} does not work here: {type(cause).__name__}")
        return None
    return made


def by_compiler(network: nn.Module, _: Tensor) -> Compute:
    """torch.compile in float32."""
    made = torch.compile(network)

    def compute(given: Tensor) -> Tensor:
        with torch.no_grad():
            return made(given)

    return compute


def by_onnxruntime(network: nn.Module, image: Tensor) -> Compute:
    """ONNX Runtime's CPU provider."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder) / "network.onnx"
        torch.onnx.export(network, (image,), str(file), dynamo=True, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = available_cores()
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda given: torch.from_numpy(session.run(None, {name: given.numpy()})[0])


PEERS = {"torch.compile, float32": by_compiler, "ONNX Runtime, float32": by_onnxruntime}

if __name__ == "__main__":
    main()
