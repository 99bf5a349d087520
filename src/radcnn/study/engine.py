"""How a run predicts new images: the engine is chosen once, after training, on tuning cases, and stands in run.json.

The trial runs in a process of its own: some machines announce instructions that they then refuse, and such a process
ends without an error that could be caught. Figures of `evaluate` are always computed as the networks were trained.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from radcnn.core.catalogue import look_up
from radcnn.core.cores import available_cores
from radcnn.core.errors import ReadError
from radcnn.data.prepared.cases import Images
from radcnn.inference.bundle import Bundle, load_bundle
from radcnn.inference.choice import CASES_TO_PAY, Choice, choose, milliseconds, scores_agree
from radcnn.inference.engines import ENGINES, Engine, available_engines, installed
from radcnn.inference.scores import LogitsOf, scores
from radcnn.learning.execution import Execution, keep_memory, logits_of
from radcnn.study.folder import RunFolder, read_record
from radcnn.study.listener import Listener

Asked = Literal["auto", "plain", "openvino-float32", "openvino-bfloat16"]
START_SECONDS = 1.0  # what an engine needs before its first case, at least
TRIAL_SECONDS = 180
TRIAL_BYTES = 64 << 20  # of tuning cases, at least one


def try_engines(
    bundle: Bundle, folder: Path, networks: Sequence[nn.Module], images: Images, *, plain: LogitsOf,
    device: str,
) -> Choice:  # fmt: skip
    """The engine for the bundle in `folder` on this machine; `images` are prepared tuning cases."""
    if device != "cpu" or not len(images):
        return Choice("plain", "plain (engines are for prediction on a CPU)")
    task, one = bundle.make_task(), images[:1]
    took = milliseconds(lambda: scores(networks, one, task, views=bundle.views, logits_of=plain))
    if took * CASES_TO_PAY < 1000 * START_SECONDS:
        return Choice("plain", f"plain ({took:.1f} ms a case: no engine would win back its start)", (("plain", took),))
    if not installed():
        return Choice("plain", "plain (OpenVINO is not installed: pip install 'radcnn[fast]')", (("plain", took),))
    count = max(1, min(len(images), TRIAL_BYTES // max(1, one.nbytes)))
    return _in_a_child(folder, images[np.linspace(0, len(images) - 1, count).round().astype(int)])


def _in_a_child(folder: Path, images: NDArray[np.float32]) -> Choice:
    sent = io.BytesIO()
    np.save(sent, images)
    command = [sys.executable, "-m", "radcnn.study.engine", str(folder)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, with an array on its standard input
            command, input=sent.getvalue(), capture_output=True, timeout=TRIAL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Choice("plain", f"plain (the trial of engines took longer than {TRIAL_SECONDS} s)")
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return Choice("plain", f"plain (an engine stopped the trial process on this machine: {name})")
    try:
        found = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
        pairs = [tuple((str(name), float(x)) for name, x in found[k]) for k in ("milliseconds", "start_seconds")]
        return Choice(look_up(dict.fromkeys(ENGINES), found["engine"], "engine"), found["sentence"], *pairs)  # type: ignore[arg-type]
    except (ValueError, LookupError, TypeError):
        return Choice("plain", "plain (the trial of engines failed on this machine)")


def main() -> int:
    """Read cases from standard input, try the engines on the bundle in argv, write the choice to standard output."""
    keep_memory()
    torch.set_num_threads(available_cores())
    bundle, networks = load_bundle(Path(sys.argv[1]))
    images = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    execution = Execution(channels_last=bundle.channels_last, bfloat16=bundle.precision == "bfloat16")
    placed = [execution.place(network) for network in networks]
    column = {name: i for i, name in enumerate(bundle.questions)}
    points = [p for p in bundle.operating_points if not p.undefined and p.question in column]
    values = bundle.target.kind == "regression"
    task = bundle.make_task()
    plain: LogitsOf = lambda network, block: logits_of(network, block, execution)  # noqa: E731
    spread = scores(placed, images, task, views=bundle.views, logits_of=plain).std(axis=0) if values else None
    choice = choose(
        placed, images, task, plain=plain, engines=available_engines()[1:],
        agree=scores_agree([(column[p.question], p.threshold) for p in points], spread=spread, low=execution.bfloat16),
        views=bundle.views, threads=available_cores(),
    )  # fmt: skip
    sys.stdout.write(json.dumps(asdict(choice)) + "\n")
    return 0


def as_record(choice: Choice) -> dict[str, Any]:
    """What run.json keeps of a choice, with the kind of CPU it was made on."""
    return {**asdict(choice), "cpu": cpu()}


def engine_of(folder: Path, asked: Asked, listener: Listener) -> Engine:
    """The engine that predicts with the bundle in `folder`: the one asked for; with "auto" the one its run chose.

    "plain" where the bundle stands alone, or where its run chose on another kind of CPU, or with another installation.
    Raises SettingsError for an engine that does not exist.
    """
    if asked != "auto":
        look_up({"auto": None, **dict.fromkeys(ENGINES)}, asked, "engine")
        return asked
    run, chosen = RunFolder(folder.parent), None
    if folder == run.bundle and run.record.is_file():
        with suppress(ReadError):  # a bundle that lies beside somebody else's run.json
            chosen = read_record(run).get("engine")
    name = chosen.get("engine") if isinstance(chosen, dict) else None
    if name not in ENGINES or name == "plain" or not isinstance(chosen, dict):
        return "plain"
    if chosen.get("cpu") != cpu() or name not in available_engines():
        listener.say(f"predicting with plain torch: {name} was chosen on another machine or with another installation")
        return "plain"
    listener.say(f"predicting with {chosen.get('sentence', name)}")
    return name


def trained_here(folder: Path) -> bool:
    """Whether the run of the bundle in `folder` was trained to its end on this kind of CPU."""
    run = RunFolder(folder.parent)
    if folder != run.bundle or not run.record.is_file():
        return False
    with suppress(ReadError):
        record = read_record(run).get("engine")
        return isinstance(record, dict) and record.get("cpu") == cpu()
    return False


def cpu() -> str:
    """The kind of CPU: architecture and a hash of what it can do."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else [platform.processor()]
    told = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}) or lines[:1]
    return f"{platform.machine()} {hashlib.sha256(''.join(told).encode()).hexdigest()[:12]}"


if __name__ == "__main__":
    sys.exit(main())
