"""Which image does a row of a table mean? By relative path, by file name, or by file name without its ending."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from radcnn.core.errors import InputError, TableError
from radcnn.data.table import Table

KNOWN_COLUMNS = (  # asked first when nobody named the image column; compared without regard to capitals
    "image",
    "image_path",
    "image_file",
    "image_name",
    "image_id",
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "series",
    "case",
    "case_id",
    "id",
    "name",
)
ENDINGS = (".nii.gz", ".ome.tiff", ".ome.tif")  # endings of two parts
ENOUGH = 0.5  # a column that names at least this share of images is the image column, and its other cells are faults
MAX_LISTED = 5


class Images:
    """The images below a folder, found by what a table may call them."""

    def __init__(self, root: Path, places: Sequence[str]) -> None:
        self.root = root
        self.places = tuple(places)
        self._names = dict(zip(self.places, _below(root, self.places), strict=True))
        self._by_path = {name: place for place, name in self._names.items()}

    def below(self, place: str) -> str:
        """An image's path below the folder, as a table would write it."""
        return self._names[place]

    # most tables write paths, and none of these is needed
    @cached_property
    def _by_name(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for place in self.places:
            found[place.rpartition(os.sep)[2]].add(place)
        return found

    @cached_property
    def _by_stem(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for relative, place in self._by_path.items():
            found[stem(place.rpartition(os.sep)[2])].add(place)
            found[stem(relative)].add(place)
        return found

    def find(self, cell: str) -> set[str]:
        """Every image a cell may mean: none, one, or several when the name is not unique."""
        if cell in self._by_path:
            return {self._by_path[cell]}
        text = cell.replace("\\", "/").removeprefix("./")
        if (text.startswith("/") or ":" in text) and Path(text).is_absolute():
            path = Path(text)
            text = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else ""
        # "images/a.png" in a table beside the folder images/ means a.png in it
        inside = text.removeprefix(f"{self.root.name}/")
        for key in (text, inside):
            if key in self._by_path:
                return {self._by_path[key]}
        for index, key in ((self._by_name, text), (self._by_stem, text), (self._by_stem, inside)):
            if key and key in index:
                return index[key]
        return set()


def _below(root: Path, places: Sequence[str]) -> list[str]:
    """The places below a folder, as a table would write them; "." for the folder itself."""
    whole, above = str(root), "" if root == Path() else os.path.join(root, "")  # noqa: PTH118  ends in a separator
    assert all(place.startswith(above) or place == whole for place in places), f"not all images lie below {root}"
    names = ["." if place == whole else place[len(above) :] for place in places]
    return names if os.sep == "/" else [name.replace(os.sep, "/") for name in names]


def stem(name: str) -> str:
    """A file name without its ending.

    >>> stem("ct/0001.nii.gz"), stem("1.2.840.113"), stem("a.png")
    ('ct/0001', '1.2.840', 'a')
    """
    for ending in ENDINGS:
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    last = name.rpartition("/")[2]
    dot = last.rfind(".")
    return name[: len(name) - len(last) + dot] if 0 < dot < len(last) - 1 else name


def file_ending(name: str) -> str:
    """The ending of a file name, in small letters.

    >>> file_ending("ct.NII.GZ"), file_ending("a.png")
    ('.nii.gz', '.png')
    """
    for ending in ENDINGS:
        if name.lower().endswith(ending):
            return ending
    return PurePosixPath(name).suffix.lower()


def match_images(table: Table, images: Images, column: str, *, private: Sequence[str] = ()) -> tuple[str, ...]:
    """The image that each row means by its cell in `column`.

    Raises TableError with every cell that names no image or several. Cells of `private` columns (the patient's) are
    never repeated in a message.
    """
    faults, found = [], []
    for row, cell in enumerate(table.column(column)):
        named = images.find(cell)
        shown = "" if column in private else f" {cell!r}"
        if not cell:
            faults.append(table.fault(row, column, "no image is named"))
        elif not named:
            faults.append(table.fault(row, column, f"image file{shown} was not found in {images.root}"))
        elif len(named) > 1:
            faults.append(
                table.fault(row, column, f"{len(named)} image files are called{shown}; write the path below the folder")
            )
        else:
            found.append(next(iter(named)))
    if faults:
        raise TableError(table.name, faults)
    return tuple(found)


def image_column(table: Table, images: Images, case: str | None = None, *, besides: str | None = None) -> str:
    """The column that names the images: the case column if it does, else one whose cells all do.

    `besides` is a column that names files but is not meant, the masks'.
    A column of which some cells name none is taken when no other fits, so that these cells are reported. Raises
    InputError when no column names images, or two name different ones.
    """
    shares = {c: _share(table, c, images) for c in table.columns if c != besides}
    whole = [c for c, share in shares.items() if share == 1.0]
    if case is not None and case in whole:
        return case
    if whole:
        preferred = [c for known in KNOWN_COLUMNS for c in whole if c.casefold() == known]
        asked = preferred or whole
        means = {tuple(min(images.find(cell)) for cell in table.column(c)) for c in asked}
        if len(means) > 1:
            raise InputError(
                f"columns {', '.join(asked[:MAX_LISTED])} of {table.name} name different images; "
                "say which one to read (--image COLUMN)"
            )
        return asked[0]
    best = max(shares, key=lambda c: shares[c])
    if shares[best] >= ENOUGH:
        return best
    raise InputError(
        f"no column of {table.name} names the image files in {images.root} "
        f"(tried {', '.join(table.columns[:MAX_LISTED])}{', ...' if len(table.columns) > MAX_LISTED else ''}); "
        "say which one does (--image COLUMN), and check the folder"
    )


def _share(table: Table, column: str, images: Images) -> float:
    cells = table.column(column)
    return sum(bool(cell and images.find(cell)) for cell in cells) / len(cells)
