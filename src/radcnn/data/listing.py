"""Which images lie below a folder: every file that can be read, and every folder that is one DICOM series.

A folder with DICOM slices (images with a position in the patient) is one item, the folder itself, when two of its
slices belong to one series; `read` then chooses among its series. An enhanced file, which holds many frames, is an item
of its own, and so are DICOM images without position, or each of a series of its own (radiographs, key images).
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from radcnn.core.errors import InputError, ReadError
from radcnn.core.files import reading, stat_of
from radcnn.data.kind import READABLE, head_of, promised, recognised

# of folders with DICOM files, which a run lists several times: a hash of the files, and the items among them
_KNOWN: dict[str, tuple[bytes, list[str]]] = {}


def list_images(folder: Path | str) -> tuple[Path, ...]:
    """Every image item below a folder, sorted; hidden files, tables, texts and studies of radcnn are left out.

    A file whose ending promises an image is listed without being opened, so that `read` can say what is wrong with it.
    Raises InputError when the folder does not exist or holds no image.
    """
    return tuple(map(Path, image_places(folder)))


def images_at(path: Path) -> tuple[tuple[str, Path], ...]:
    """The image at a path, or all below it where it is a folder of several, each with what it is called there.

    A folder that is given as . or .. is called by its own name. Raises InputError when nothing is there.
    """
    if path.name in ("", ".."):
        path = path.resolve()
    if not path.exists():
        raise InputError(f"{path} does not exist; give an image, a DICOM series or a folder of images")
    found = list_images(path) if path.is_dir() else (path,)
    return tuple((item.relative_to(path).as_posix() if item != path else path.name, item) for item in found)


def image_places(folder: Path | str) -> tuple[str, ...]:
    """The same as texts: a Path takes many times as long to make, and a study may have 100,000 images."""
    folder = Path(folder)
    with reading(folder):
        is_folder = folder.is_dir()
    if not is_folder:
        raise InputError(f"{folder.name} is not a folder; give the folder that holds the images")
    found: list[str] = []
    for parent, names in walked(folder):
        found += _items(parent, sorted(names))
    if not found:
        raise InputError(f"folder {folder.name} holds no image that can be read; readable are {READABLE}")
    return tuple(sorted(found, key=_parts))


def walked(folder: Path, *, everything: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Every folder below this one, with the names of its files; links to folders elsewhere are followed.

    everything  also what is hidden, and studies

    The same folder is met once, and no link leads around in a circle.
    """
    trees = [Path(os.path.realpath(folder))]
    for parent, folders, names in os.walk(folder, followlinks=True):
        kept = [n for n in sorted(folders) if everything or not (n.startswith(".") or is_study(Path(parent, n)))]
        folders[:] = [n for n in kept if _first_met(Path(parent, n), trees)]
        yield parent, [name for name in names if everything or not name.startswith(".")]


def _first_met(folder: Path, trees: list[Path]) -> bool:
    """Whether a folder was not met in one of these trees, and leads to none that it lies in; a link adds its own."""
    linked = folder.is_symlink()
    if not linked and len(trees) == 1:
        return True
    real = Path(os.path.realpath(folder))
    if not linked:
        return real not in trees
    above = Path(os.path.realpath(folder.parent)).is_relative_to(real)
    if above or any(real.is_relative_to(tree) for tree in trees):
        return False
    trees.append(real)
    return True


def place_in(parent: str, name: str) -> str:
    """The place of a file in a folder, as `Path(parent, name)` would write it; an image beside us has its bare name."""
    if parent == os.curdir:
        return name
    return parent + name if parent.endswith(os.sep) else parent + os.sep + name


def _parts(place: str) -> str:
    """What sorts as a path's parts do, and sooner: no character comes before the separator."""
    return place.replace(os.sep, "\0")


def is_study(folder: Path) -> bool:
    """Whether a folder is a study of radcnn, which may lie among its own images."""
    return (folder / "study.yaml").is_file()


def _items(folder: str, names: list[str]) -> list[str]:
    """The items directly in one folder."""
    plain: list[str] = []
    dicom: list[Path] = []
    for name in names:
        form = promised(name) or _sniffed(Path(folder, name))
        if form == "dicom":
            dicom.append(Path(folder, name))
        elif form is not None:
            plain.append(place_in(folder, name))
    return plain + (_dicom_items(folder, dicom) if dicom else [])


def _sniffed(path: Path) -> str | None:
    """The format of a file whose name says nothing; a zip archive without the ending npz is not ours."""
    try:
        with reading(path):
            found = recognised(head_of(path)) if path.is_file() else None
    except ReadError:
        return None
    return None if found == "npz" else found


def _dicom_items(folder: str, paths: list[Path]) -> list[str]:
    """The items among the DICOM files of a folder; headers are read once while the files stay as they are."""
    stamp = _stamp(paths)
    known = _KNOWN.get(folder)
    if known is not None and known[0] == stamp:
        return known[1]
    found = [str(item) for item in _looked_at(Path(folder), paths)]
    if stamp is not None:
        _KNOWN[folder] = stamp, found
    return found


def _stamp(paths: list[Path]) -> bytes | None:
    """A hash of the files' places, sizes and times of change; None where one of them is gone."""
    digest = hashlib.blake2b(digest_size=20)
    try:
        for place in map(str, paths):
            digest.update(f"{place}\0{stat_of(place)}\n".encode(errors="surrogatepass"))
    except (ReadError, OSError):
        return None
    return digest.digest()


def _looked_at(folder: Path, paths: list[Path]) -> list[Path]:
    from radcnn.data.dicom.header import dicom_places

    places = dict(zip(paths, dicom_places(paths), strict=True))
    slices = Counter(place.series_uid for place in places.values() if place is not None and place.has_position)
    if any(n > 1 for n in slices.values()):
        return [folder, *(path for path, place in places.items() if place is not None and place.is_enhanced)]
    return [path for path, place in places.items() if place is None or place.is_image]
