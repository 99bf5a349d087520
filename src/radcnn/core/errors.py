"""Every error radcnn raises on purpose.

RadcnnError                 one sentence: what, whose, what is allowed, what came; then the next step
└── InputError              what a person gave cannot be used (exit code 2)
    ├── ReadError           a file that is damaged, unsupported or not what its name says
    ├── GeometryError       positions, spacings or orientations that contradict each other
    │   └── MisfitError     a mask that does not lie on its image's grid; says in what and by how many mm
    ├── TableError          a table of labels; lists all faults at once, with row and column
    ├── SplitError          a split that would leak, or that the data cannot fill
    ├── SettingsError       an unknown or impossible setting; says "did you mean"
    ├── BundleError         a model bundle that is incomplete or was changed
    ├── FindingsError       findings that make a result wrong, and that nobody muted
    └── StorageError        a file that could not be written (disk full, no permission)

Stopped is no error: a person pressed Ctrl-C, and the sentence says what is there and how to go on.
"""

from __future__ import annotations

from collections.abc import Sequence


class RadcnnError(Exception):
    """Base of all errors radcnn raises on purpose."""


class InputError(RadcnnError):
    """What a person gave cannot be used; the message says why and what to do next."""


class ReadError(InputError):
    """A file that is damaged, unsupported or not what its name says."""


class GeometryError(InputError):
    """Positions, spacings or orientations that contradict each other."""


class MisfitError(GeometryError):
    """A mask that does not lie on its image's grid.

    what    in what it differs: "size", "orientation", "spacing", "place" or "frame of reference"
    off_mm  how far it is off at the worst place; None where that cannot be said
    """

    def __init__(self, sentence: str, what: str, off_mm: float | None = None) -> None:
        self.what = what
        self.off_mm = off_mm
        super().__init__(sentence)


class TableError(InputError):
    """Faults of a table, all of them at once."""

    def __init__(self, table: str, faults: Sequence[str], shown: int = 20) -> None:
        self.table = table
        self.faults = tuple(faults)
        listed = [f"  {fault}" for fault in self.faults[:shown]]
        if len(self.faults) > shown:
            listed.append(f"  ... and {len(self.faults) - shown} more")
        plural = "fault" if len(self.faults) == 1 else "faults"
        super().__init__("\n".join([f"{table} has {len(self.faults)} {plural}:", *listed]))


class SplitError(InputError):
    """A split that would leak, or that the data cannot fill."""


class SettingsError(InputError):
    """An unknown or impossible setting."""


class BundleError(InputError):
    """A model bundle that is incomplete or was changed after it was written."""


class FindingsError(InputError):
    """Findings that make a result wrong, and that nobody muted."""


class StorageError(InputError):
    """A file that could not be written."""


class Stopped(KeyboardInterrupt):
    """An interruption that left something behind; the sentence says what, and how to go on."""
