"""A folder per class is a labelled cohort; what has no class is never left out in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radcnn.core.errors import InputError, SettingsError
from radcnn.data.folder import draft_from_folder


def image(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4), value, np.uint8)).save(path)


def images(root: Path, *names: str) -> Path:
    for value, name in enumerate(names):
        image(root / name, value)
    return root


def test_the_class_is_the_folder_and_the_last_one_is_positive(tmp_path: Path) -> None:
    draft = draft_from_folder(images(tmp_path, "PNEUMONIA/b.png", "NORMAL/a.png", "NORMAL/deep/c.png"))
    assert draft.ids == ("NORMAL/a.png", "NORMAL/deep/c.png", "PNEUMONIA/b.png")
    assert draft.labels.target.classes == ("NORMAL", "PNEUMONIA")
    assert draft.labels.values[:, 0].tolist() == [0, 0, 1]
    assert draft.sides is None


def test_the_positive_class_can_be_named(tmp_path: Path) -> None:
    draft = draft_from_folder(images(tmp_path, "A/a.png", "B/b.png"), positive="A")
    assert draft.labels.target.classes == ("B", "A")
    with pytest.raises(SettingsError, match="positive class 'C'"):
        draft_from_folder(tmp_path, positive="C")


def test_three_folders_are_three_classes(tmp_path: Path) -> None:
    draft = draft_from_folder(images(tmp_path, "c/1.png", "a/1.png", "b/1.png"), name="organ")
    assert draft.labels.target.kind == "multiclass"
    assert draft.labels.target.names == ("organ",)
    assert draft.labels.target.classes == ("a", "b", "c")


def test_official_sides_above_the_classes_are_kept(tmp_path: Path) -> None:
    names = [f"{side}/{word}/1.png" for side in ("train", "val", "Test") for word in ("no", "yes")]
    draft = draft_from_folder(images(tmp_path, *names))
    assert dict(zip(draft.ids, draft.sides or (), strict=True))["Test/yes/1.png"] == "test"
    assert sorted(draft.sides or ()) == ["test", "test", "training", "training", "tuning", "tuning"]
    assert draft.labels.target.classes == ("no", "yes")
    assert [f.code for f in draft.findings] == ["RC001"]


def test_hidden_folders_and_those_of_archivers_are_passed_over(tmp_path: Path) -> None:
    draft = draft_from_folder(images(tmp_path, "a/1.png", "b/1.png", ".cache/1.png", "__MACOSX/a/1.png"))
    assert draft.ids == ("a/1.png", "b/1.png")


@pytest.mark.parametrize(
    ("names", "folders", "says"),
    [
        ((), (), "is an empty folder"),
        (("1.png",), (), "no folder per class"),
        (("a/1.png",), (), "at least two classes, got only 'a'"),
        (("a/1.png",), ("b",), "b holds no image"),
        (("a/1.png", "b/1.png", "2.png"), (), "1 image beside its class folders"),
        (("train/a/1.png", "other/a/1.png"), (), r"mixes sides \(train\) and other folders \(other\)"),
        (("train/a/1.png", "test/1.png"), (), "test holds no folder per class"),
        (("train/a/1.png", "train/b/1.png", "train/2.png", "test/a/1.png"), (), "1 image beside its class folders"),
    ],
)
def test_a_folder_that_does_not_say_every_class_is_refused(
    tmp_path: Path, names: tuple[str, ...], folders: tuple[str, ...], says: str
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    with pytest.raises(InputError, match=says):
        draft_from_folder(images(tmp_path, *names))


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        draft_from_folder(tmp_path / "nowhere")
