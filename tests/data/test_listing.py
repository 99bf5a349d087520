"""Images below a folder are listed as texts, which say the same as paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radcnn.data.dicom import header
from radcnn.data.dicom.header import Place, dicom_places
from radcnn.data.listing import image_places, images_at, place_in
from radcnn.data.matching import Images
from radcnn.data.read import list_images
from written_dicom import write_stack


@pytest.mark.parametrize("root", [".", "scans", "./scans/", "/"])
def test_places_are_written_as_paths_are_and_found_below_their_folder(root: str) -> None:
    parent = Path(root)
    names = ["a.png", "b.png"]
    places = [place_in(str(parent), name) for name in names]
    assert places == [str(parent / name) for name in names]
    images = Images(parent, [*places, str(parent)])
    assert [images.below(place) for place in images.places] == [*names, "."]
    assert images.find("a.png") == images.find("a") == {places[0]}


def test_an_image_beside_us_has_its_bare_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    assert image_places(".") == ("a.png",)
    assert list_images(".") == (Path("a.png"),)


def test_a_series_that_is_given_as_a_dot_is_called_as_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = write_stack(tmp_path / "ct 7", np.zeros((3, 4, 6), np.int16))
    monkeypatch.chdir(series)
    assert images_at(Path()) == (("ct 7", series),)
    assert images_at(Path("..")) == (("ct 7", series),)


def test_linked_folders_are_followed_and_the_same_folder_is_met_once(tmp_path: Path) -> None:
    scans, elsewhere = tmp_path / "scans", tmp_path / "archive" / "ct 7"
    write_stack(elsewhere, np.zeros((3, 4, 6), np.int16))
    write_stack(scans / "b", np.zeros((3, 4, 6), np.int16))
    for name, target in (
        ("a", scans / "b"),
        ("up", scans),
        ("above", tmp_path),
        ("linked", elsewhere),
        ("twice", elsewhere),
    ):
        (scans / name).symlink_to(target)
    (elsewhere / "back").symlink_to(scans)
    (elsewhere / "around").symlink_to(elsewhere.parent)
    assert image_places(scans) == (str(scans / "b"), str(scans / "linked"))


def test_a_link_around_a_folder_that_is_linked_too_gives_the_rest(tmp_path: Path) -> None:
    scans, archive = tmp_path / "scans", tmp_path / "archive"
    scans.mkdir()
    for name in ("ct 1", "ct 2"):
        write_stack(archive / name, np.zeros((3, 4, 6), np.int16))
    (scans / "first").symlink_to(archive / "ct 1")
    (scans / "whole").symlink_to(archive)
    assert image_places(scans) == (str(scans / "first"), str(scans / "whole" / "ct 2"))
    (scans / "all").symlink_to(archive)
    assert image_places(scans) == (str(scans / "all" / "ct 1"), str(scans / "all" / "ct 2"))


def test_headers_are_read_once_while_the_files_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def counted(paths: Sequence[Path]) -> list[Place | None]:
        looked.append(len(paths))
        return dicom_places(paths)

    monkeypatch.setattr(header, "dicom_places", counted)
    folder = tmp_path / "series"
    write_stack(folder, np.zeros((3, 4, 6), np.int16))
    assert list_images(tmp_path) == list_images(tmp_path) == (folder,)
    assert looked == [3]
    first, second, third = sorted(folder.iterdir())
    for lone in (first, second):
        lone.unlink()
    assert list_images(tmp_path) == (third,)
    write_stack(folder, np.zeros((2, 4, 6), np.int16), prefix="more", SeriesInstanceUID="2.25.77")
    assert list_images(tmp_path) == (folder,)
    assert looked == [3, 1, 3]
