"""What radcnn makes of every file of a folder: an image with its geometry, or a sentence why not; seconds; totals.

    python benchmarks/dicom_survey.py [../shared/data/dicom]

Files are read one by one, as a user would who does not know what they are; a film is read at its first frame.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from radcnn.core.errors import RadcnnError
from radcnn.core.volume import Volume
from radcnn.data.read import read

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "dicom"
LIMIT_SECONDS = 5.0
FILM = "choose one with item="


@dataclass(frozen=True)
class Told:
    """What came of one file."""

    name: str
    outcome: str
    words: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:6.2f} s  {self.name:<70} {self.words}"


def main() -> None:
    """Print a line per file and the totals; exit with 1 where a file was too slow or raised something else."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--totals", action="store_true", help="print the totals alone")
    given = parser.parse_args()
    told = [_told(path, given.folder) for path in sorted(given.folder.rglob("*")) if path.is_file()]
    if not given.totals:
        print("\n".join(str(one) for one in told))
    counts = Counter(one.outcome for one in told)
    slowest = max(told, key=lambda one: one.seconds)
    print(f"\n{len(told)} files: " + ", ".join(f"{n} {outcome}" for outcome, n in counts.most_common()))
    print(f"{sum(one.seconds for one in told):.1f} s in all, at most {slowest.seconds:.2f} s ({slowest.name})")
    wrong = [one for one in told if one.outcome.startswith("RAISED") or one.seconds > LIMIT_SECONDS]
    sys.exit("\n".join(str(one) for one in wrong) or 0)


def _told(path: Path, folder: Path) -> Told:
    name = path.relative_to(folder).as_posix()
    start = time.perf_counter()
    outcome, words = _outcome(path)
    return Told(name, outcome, words, time.perf_counter() - start)


def _outcome(path: Path) -> tuple[str, str]:
    try:
        return _read(path)
    except RadcnnError as error:
        return f"refused ({type(error).__name__})", f"refused: {error}"
    except Exception as error:
        return f"RAISED {type(error).__name__}", f"RAISED {type(error).__name__}: {error}"


def _read(path: Path) -> tuple[str, str]:
    try:
        volume = read(path)
    except RadcnnError as error:
        if FILM not in str(error):
            raise
        return "films", f"film, frame 0 of several: {_geometry(read(path, item=0))}"
    return ("volumes" if volume.rank == 3 else "images"), _geometry(volume)


def _geometry(volume: Volume) -> str:
    size = " x ".join(str(n) for n in volume.size)
    spacing = volume.spacing_mm
    apart = "spacing unknown" if spacing is None else " x ".join(f"{mm:.4g}" for mm in spacing) + " mm"
    colour = f" x {volume.channels} channels" if volume.channels > 1 else ""
    return f"{size}{colour}, {apart}, frame {volume.frame}, {volume.units}, {volume.voxels.dtype}"


if __name__ == "__main__":
    main()
