"""Images below a folder are listed as texts, which say the same as paths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radcnn.data.listing import image_places, place_in
from radcnn.data.matching import Images
from radcnn.data.read import list_images


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
