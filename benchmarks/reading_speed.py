"""Reading one CT series of 200 slices of 512 x 512: radcnn, pydicom in a loop, SimpleITK and dicom2nifti in one run.

    python benchmarks/reading_speed.py [--slices 200] [--runs 5] [--coding "JPEG 2000 lossless" ...] [--source FOLDER]

Readers take turns, each in a process of its own that stays, with a warm file cache; medians are printed, and how much
longer each peer takes than radcnn. The series is uncompressed explicit little endian, JPEG 2000 lossless, JPEG-LS
lossless or RLE. Where a folder of a real CT series is given (or ../shared/data/ct_series is there) its slices are
repeated with new positions and one unit of noise; else a body with noise of 12 HU is simulated, which compresses alike.
Peers need the extra [peers], or an environment of their own (--peers-python).

    pydicom      dcmread, pixel_array and rescale to float32 for each file, sorted by position, numpy.stack
    SimpleITK    ImageSeriesReader over GetGDCMSeriesFileNames
    dicom2nifti  dicom_series_to_nifti, not reoriented; it copies the folder first, and reads each file from the copy
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

REAL = Path(__file__).parents[2] / "shared" / "data" / "ct_series"
SIZE = 512
CODINGS = ("explicit little endian", "JPEG 2000 lossless", "JPEG-LS lossless", "RLE")
READERS = ("radcnn", "pydicom", "SimpleITK", "dicom2nifti")
AIR, WATER, NOISE_HU = -1000.0, 40.0, 12.0


def main() -> None:
    """Write the series in every coding, time all readers in turns, print a table."""
    given = _parser().parse_args()
    slices, kind = series_of(given.slices, given.source)
    print(
        f"{len(slices)} slices of {SIZE} x {SIZE}, {kind}; {given.runs} runs, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for coding in given.coding or CODINGS:
            series = written(Path(folder, coding.replace(" ", "_")), slices, coding)
            size = sum(path.stat().st_size for path in series.iterdir())
            print(f"\n{coding}: {size / 2**20:.0f} MiB, {slices.nbytes / size:.2f} : 1", flush=True)
            _compare(series, given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--slices", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--coding", action="append", choices=CODINGS, help="may be repeated")
    parser.add_argument("--reader", action="append", choices=READERS, help="may be repeated")
    parser.add_argument("--source", type=Path, default=REAL, help="a folder with a real series to repeat")
    parser.add_argument("--peers-python", default=sys.executable, help="the Python in which the peers are installed")
    return parser


def _compare(series: Path, given: Any) -> None:
    names = given.reader or READERS
    readers = {name: Reader(name, sys.executable if name == "radcnn" else given.peers_python) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    said: dict[str, dict[str, Any]] = {}
    try:
        for run in range(given.runs + 1):
            for name, reader in readers.items():
                said[name] = reader(series)
                if run and "seconds" in said[name]:  # the first warms the file cache and the processes
                    seconds[name].append(said[name]["seconds"])
    finally:
        for reader in readers.values():
            reader.close()
    _tell(seconds, said)


def _tell(seconds: dict[str, list[float]], said: dict[str, dict[str, Any]]) -> None:
    middle = {name: statistics.median(taken) for name, taken in seconds.items() if taken}
    ours = middle.get("radcnn")
    same = {name: said[name].get("sum") for name in middle}
    for name in seconds:
        if name not in middle:
            print(f"  {name:<12} cannot read it: {said[name]['error']}")
            continue
        ratio = f"{middle[name] / ours:6.2f} x radcnn" if ours else ""
        spread = f"{min(seconds[name]):.2f} to {max(seconds[name]):.2f}"
        alike = "" if same[name] == same.get("radcnn", same[name]) else "  OTHER VALUES"
        print(f"  {name:<12} {middle[name]:7.3f} s  ({spread}) {ratio}{alike}", flush=True)


# --- the series


def series_of(n: int, source: Path) -> tuple[NDArray[np.int16], str]:
    """Stored numbers (n, 512, 512), HU + 1024, and in words where they come from."""
    chance = np.random.default_rng(3)
    if source.is_dir():
        from pydicom import dcmread

        datasets = sorted((dcmread(path) for path in source.iterdir()), key=lambda d: float(d.ImagePositionPatient[2]))
        real = [_hu(one) + 1024 for one in datasets]
        made = np.stack([real[_there_and_back(i, len(real))] for i in range(n)]).astype(np.int16)
        noise = chance.integers(-1, 2, made.shape, dtype=np.int16)
        return np.clip(made + noise, 0, None).astype(np.int16), f"a real series of {len(real)} repeated with noise"
    body = np.stack([_body(i / max(1, n - 1)) for i in range(n)])
    noise = chance.standard_normal(body.shape, dtype=np.float32) * NOISE_HU
    return np.rint(np.clip(body + noise + 1024, 0, 4095)).astype(np.int16), "simulated"


def _hu(dataset: Any) -> NDArray[np.int32]:
    made: NDArray[np.int32] = dataset.pixel_array.astype(np.int32)
    return made * int(dataset.RescaleSlope) + int(dataset.RescaleIntercept)


def _there_and_back(i: int, n: int) -> int:
    """0, 1, ... n - 1, n - 2, ... 1, 0, 1, ...: neighbours stay neighbours."""
    at = i % (2 * n - 2)
    return at if at < n else 2 * n - 2 - at


def _body(part: float) -> NDArray[np.float32]:
    """A slice in HU: an ellipse of soft tissue in air with lungs, a spine and smooth variations."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j].astype(np.float32)
    made = np.full((SIZE, SIZE), AIR, np.float32)
    inside = (x / 0.85) ** 2 + (y / 0.6) ** 2 < 1
    made[inside] = (WATER + 20 * np.sin(6 * x + 9 * part) * np.cos(5 * y - 4 * part))[inside]
    for side in (-1, 1):
        lung = ((x - side * 0.4) / 0.27) ** 2 + ((y + 0.05) / 0.4) ** 2 < 0.5 + 0.5 * np.sin(np.pi * part)
        made[lung & inside] = -820
    made[(x / 0.09) ** 2 + ((y - 0.42) / 0.1) ** 2 < 1] = 420
    return made


def written(folder: Path, slices: NDArray[np.int16], coding: str) -> Path:
    from matrix.codings import CODINGS as CODED
    from matrix.grid import stacked
    from matrix.objects import write_series
    from matrix.store import CT_SIGNED

    grid = stacked(slices=len(slices), rows=SIZE, columns=SIZE, spacing=(0.75, 0.75), step_mm=2.0)
    return write_series(folder, slices - 1024.0, grid, CT_SIGNED, coding=CODED[coding])


# --- the readers, each in a process of its own


class Reader:
    """A reader in a process that stays: `reader(folder)` gives its seconds, or why it cannot read."""

    def __init__(self, name: str, python: str) -> None:
        path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [python, __file__, "--serve", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    def __call__(self, folder: Path) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            return {"error": f"its process ended with code {self.process.wait()}"}
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def serve(name: str) -> None:
    """Read the folders that are named on standard input, and say how long each took."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        answers.write(json.dumps(_timed(READ[name], Path(line.strip()))) + "\n")
        answers.flush()


def _timed(read: Callable[[Path], NDArray], folder: Path) -> dict[str, Any]:
    try:
        start = time.perf_counter()
        voxels = read(folder)
        seconds = time.perf_counter() - start
    except Exception as error:
        return {"error": f"{type(error).__name__}: {str(error)[:100]}"}
    return {"seconds": seconds, "sum": float(voxels.sum(dtype=np.float64))}


def _radcnn(folder: Path) -> NDArray:
    from radcnn.data.read import read

    return read(folder).voxels


def _pydicom(folder: Path) -> NDArray:
    from pydicom import dcmread

    slices = []
    for path in folder.iterdir():
        dataset = dcmread(path)
        hu = dataset.pixel_array.astype(np.float32) * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        slices.append((float(dataset.ImagePositionPatient[2]), hu))
    return np.stack([hu for _, hu in sorted(slices, key=lambda slice_: slice_[0])])


def _simpleitk(folder: Path) -> NDArray:
    import SimpleITK

    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    return SimpleITK.GetArrayFromImage(reader.Execute())


def _dicom2nifti(folder: Path) -> NDArray:
    from dicom2nifti.convert_dicom import dicom_series_to_nifti

    return np.asarray(dicom_series_to_nifti(str(folder), None, reorient_nifti=False)["NII"].dataobj)


READ: dict[str, Callable[[Path], NDArray]] = {
    "radcnn": _radcnn,
    "pydicom": _pydicom,
    "SimpleITK": _simpleitk,
    "dicom2nifti": _dicom2nifti,
}


def _started(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["--serve"]:
        serve(arguments[1])
    else:
        main()


if __name__ == "__main__":
    _started(sys.argv[1:])
