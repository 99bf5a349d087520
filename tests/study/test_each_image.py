"""Each image of several has a name of its own in what is written, and one that fails costs the others nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from radcnn.core.errors import InputError, ReadError, StorageError
from radcnn.study.each_image import file_words, of_each, target_names
from radcnn.study.listener import Silence
from radcnn.study.predicted import FailedImage


def found_in(folder: Path, *names: str) -> list[tuple[str, Path]]:
    """Images of these names; one that ends in a slash is a series."""
    made = []
    for name in names:
        place = folder / name
        (place if name.endswith("/") else place.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            place.touch()
        made.append((name.rstrip("/"), place))
    return made


def test_folders_keep_their_whole_name_and_files_what_is_no_ending(tmp_path: Path) -> None:
    uids = ("1.2.840.113619.2.55.3.101/", "1.2.840.113619.2.55.3.102/", "1.2.840.1", "1.2.840.2")
    names = (*uids, "a.nii.gz", "sub/a.png", "sub/b.v2.dcm", "c.ome.tiff", "scan.v2")
    assert target_names(found_in(tmp_path, *names)) == (
        *(name.rstrip("/") for name in uids), "a", "sub/a", "sub/b.v2", "c", "scan.v2",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("names", "parts", "said"),
    [
        (("a.nii", "a.nii.gz"), ("",), "a.nii and a.nii.gz would both be written as a;"),
        (("x/a.png", "x/a.dcm"), ("",), "x/a.png and x/a.dcm would both be written as x/a;"),
        (("a.nii", "a-b.nii"), ("-b-c", "-c"), "a.nii and a-b.nii would both be written as a-b-c;"),
    ],
)
def test_two_images_that_would_be_one_file_are_refused(
    tmp_path: Path, names: tuple[str, ...], parts: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        target_names(found_in(tmp_path, *names), parts)


def test_structures_have_words_of_their_own_that_files_can_have() -> None:
    names = ("GTV/CTV", "left lung", "left-lung", "Left  lung", "../..", "Niere µ", "x" * 300, "left lung-2")
    words = file_words(names)
    assert words[:4] == ("GTV-CTV", "left-lung", "left-lung-2", "Left-lung-3")
    assert words[4:6] == ("structure", "Niere-µ")
    assert len(words[6]) == 64
    assert len({word.casefold() for word in words}) == len(words)


class Heard(Silence):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def made(name: str, item: Path, target: str) -> str:
    if "bad" in name:
        raise ReadError(f"{item.name} is damaged")
    if "full" in name:
        raise StorageError("the disk is full")
    return target


def test_an_image_that_cannot_be_used_is_told_and_the_others_are_made(tmp_path: Path) -> None:
    heard, found = Heard(), found_in(tmp_path, "a.nii", "bad.nii", "c.nii")
    assert of_each(found, ("a", "bad", "c"), made, "making", heard) == [
        "a", FailedImage("bad.nii", "bad.nii is damaged"), "c",
    ]  # fmt: skip
    assert heard.said == ["bad.nii was left out: bad.nii is damaged"]


def test_where_nothing_can_be_made_that_is_an_error(tmp_path: Path) -> None:
    found = found_in(tmp_path, "bad1.nii", "bad2.nii")
    with pytest.raises(ReadError, match="bad1"):
        of_each(found[:1], ("bad1",), made, "making", Heard())
    with pytest.raises(InputError, match="none of 2 images could be used; of the first: bad1"):
        of_each(found, ("bad1", "bad2"), made, "making", Heard())
    with pytest.raises(StorageError):
        of_each(found_in(tmp_path, "a.nii", "full.nii"), ("a", "full"), made, "making", Heard())
