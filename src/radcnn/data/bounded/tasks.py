"""What a child can be asked to do: a task has a name, takes JSON and yields JSON; voxels go into shared memory.

A task is written once and runs in a child, or in this process where the system cannot bound one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from numpy.typing import DTypeLike, NDArray

from radcnn.core.errors import GeometryError, InputError, RadcnnError, ReadError

# the only words a child obeys
TASKS: dict[str, str] = {
    "dicom identities": "radcnn.data.dicom.inside:identities",
    "dicom traits": "radcnn.data.dicom.inside:traits",
    "dicom places": "radcnn.data.dicom.inside:places",
    "dicom slices": "radcnn.data.dicom.inside:slices",
    "dicom pixels": "radcnn.data.dicom.inside:pixels",
    "dicom cleaned": "radcnn.data.dicom.deidentify.inside:cleaned",
    "grid file": "radcnn.data.gridded.inside:grids",
    "dicom mask": "radcnn.data.masks.inside:masks",
    "dicom referring": "radcnn.data.masks.inside:referring",
    "dicom frames of reference": "radcnn.data.masks.inside:references",
}
TOO_MUCH_MEMORY = "memory"  # what crosses in place of an error's kind
ERRORS: dict[str, type[RadcnnError]] = {kind.__name__: kind for kind in (ReadError, GeometryError, InputError)}


@dataclass(frozen=True)
class Job:
    """One call of a task.

    args   what was asked, plain values
    arrays  shared arrays that the parent gave
    room   asks for a new shared array (shape, dtype), zeros
    limited  a block in which one file may take what a file of its size, or so many times, may take (path, times)
    """

    args: Mapping[str, Any]
    arrays: tuple[NDArray, ...]
    room: Callable[[tuple[int, ...], DTypeLike], NDArray]
    limited: Callable[..., AbstractContextManager[None]]


Task = Callable[[Job], Iterator[Any]]


def task(name: str) -> Task:
    """The function of a task; its module is loaded now."""
    module, _, function = TASKS[name].partition(":")
    found: Task = getattr(import_module(module), function)
    return found


def told(error: Exception) -> list[str]:
    """An error as it crosses: kind and sentence where it is ours; of any other what it is, not what it says."""
    if isinstance(error, RadcnnError):
        return [next((name for name, kind in ERRORS.items() if isinstance(error, kind)), "ReadError"), str(error)]
    return [TOO_MUCH_MEMORY, ""] if isinstance(error, MemoryError) else ["", type(error).__name__]


def per_file(job: Job, function: Callable[[Path], Any]) -> Iterator[Any]:
    """What a function makes of each of the job's paths, or {"refused": why}; each file within its limits."""
    for path in map(Path, job.args["paths"]):
        try:
            with job.limited(path):
                made = function(path)
        except Exception as error:
            made = {"refused": told(error)}
        yield made


def raised(said: list[str]) -> RadcnnError:
    """The error that crossed."""
    return ERRORS.get(said[0], ReadError)(said[1])
