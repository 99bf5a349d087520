"""What computes a network's logits at prediction: torch as it was trained, or OpenVINO in float32 or bfloat16.

OpenVINO (extra `fast`) compiles a network for the CPU it runs on. Its networks are traced, so only those without a
branch that depends on the image; `inference/choice.py` holds what it computes against what torch computes.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from radcnn.core.errors import InputError
from radcnn.inference.scores import LogitsOf

Engine = Literal["plain", "openvino-float32", "openvino-bfloat16"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
HINTS = {"openvino-float32": "f32", "openvino-bfloat16": "bf16"}


def installed() -> bool:
    """Whether OpenVINO is there; it is not loaded."""
    return importlib.util.find_spec("openvino") is not None


def available_engines() -> tuple[Engine, ...]:
    """Those that this installation and this CPU have; "plain" always."""
    if not installed():
        return ("plain",)
    able = _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ENGINES if "BF16" in able else ("plain", "openvino-float32")


def compiled(network: nn.Module, image: Tensor, engine: Engine, *, threads: int) -> Callable[[Tensor], Tensor]:
    """Logits (B, ...) in float32 for images (B, C, *size) in float32, computed by OpenVINO; B may differ per call.

    network  in evaluation mode on the CPU
    image    (B, C, *size): what a batch looks like

    Raises InputError where OpenVINO is not installed or cannot take the network.
    """
    if not installed():
        raise InputError(f"engine {engine!r} needs OpenVINO: pip install 'radcnn[fast]', or --engine plain")
    openvino = _openvino()
    example = image[:1].expand(2, *image.shape[1:]).contiguous()  # of two, so that nothing is taken for a constant
    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[engine],
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "CACHE_DIR": "",  # nothing is written
    }
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # torch announces a successor of tracing that imports its compiler
            traced = torch.jit.trace(network, example, check_trace=False)
            model = openvino.convert_model(traced, example_input=example)
        model.reshape([-1, *image.shape[1:]])
        request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    except MemoryError:
        raise
    except Exception as cause:  # its errors have no base of their own
        why = (str(cause).splitlines() or [""])[0]
        raise InputError(f"OpenVINO cannot take this network ({why}); use --engine plain") from cause

    def compute(images: Tensor) -> Tensor:
        # its own copy of the output: the request's memory is used again by the next call
        found = request.infer([images.float().contiguous().numpy()], share_inputs=True)
        return torch.from_numpy(found[0])

    return compute


def logits_by(
    engine: Engine, plain: LogitsOf, networks: Sequence[nn.Module], image: Tensor, *, threads: int
) -> LogitsOf:
    """The function that `scores` calls for the logits of these networks: `plain` itself, or compiled networks.

    Raises InputError as `compiled` does.
    """
    if engine == "plain":
        return plain
    made = {id(network): compiled(network.eval(), image, engine, threads=threads) for network in networks}
    return lambda network, images: made[id(network)](images)


def _openvino() -> Any:
    """The library, kept from sending its maker a message at every import: it does without where that part is absent."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
