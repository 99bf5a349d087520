"""Exact copies of an image are found, whatever they are called, and said where they do harm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radcnn.core.case import Case, Source
from radcnn.core.errors import ReadError
from radcnn.core.target import Target
from radcnn.data.cohort import Cohort, CohortSettings, gather
from radcnn.data.duplicates import content_groups, duplicate_findings, identical_groups
from radcnn.data.splits import split

Point = tuple[float, float, float]


def cohort(sources: list[Source], labels: list[float], patients: str, centres: list[Point] | None = None) -> Cohort:
    cases = tuple(
        Case(f"c{i}", patients[i], source, (labels[i],), centre_mm=centres[i] if centres else None)
        for i, source in enumerate(sources)
    )
    return Cohort(cases, Target("binary", ("y",), ("no", "yes")), "patient", 2)


def files(folder: Path, contents: list[bytes]) -> list[Source]:
    for i, content in enumerate(contents):
        (folder / f"{i}.png").write_bytes(content)
    return [Source(folder / f"{i}.png") for i in range(len(contents))]


def test_copies_are_found_by_content_and_not_by_size(tmp_path: Path) -> None:
    made = cohort(files(tmp_path, [b"abc", b"abd", b"abc", b"longer", b"abd", b"abc"]), [0.0] * 6, "abcdef")
    assert identical_groups(made) == ((0, 2, 5), (1, 4))
    assert content_groups(made) == ((0, 2, 5), (1, 4))


def test_a_series_is_its_files_whatever_they_are_called(tmp_path: Path) -> None:
    for series, names in (("a", "12"), ("b", "xy"), ("c", "12")):
        (tmp_path / series).mkdir()
        for content, name in enumerate(names):
            (tmp_path / series / name).write_bytes(b"%d" % (content + (series == "c")))
    made = cohort([Source(tmp_path / s) for s in "abc"], [0.0] * 3, "abc")
    assert identical_groups(made) == ((0, 1),)


def test_items_of_arrays_are_compared_by_their_voxels(tmp_path: Path) -> None:
    images = np.zeros((4, 3, 3), np.uint8)
    images[1] = 1
    np.savez(
        tmp_path / "x.npz",
        train_images=images,
        test_images=images[1:3],
        train_labels=np.zeros(4),
        test_labels=np.zeros(2),
    )
    sources = [Source(tmp_path / "x.npz", "train_images", i) for i in range(4)]
    sources += [Source(tmp_path / "x.npz", "test_images", i) for i in range(2)]
    made = cohort(sources, [0.0] * 6, "abcdef")
    assert identical_groups(made) == ((0, 2, 3, 5), (1, 4))


def test_two_regions_of_one_patients_scan_are_no_copies(tmp_path: Path) -> None:
    (source,) = files(tmp_path, [b"scan"])
    made = cohort([source, source], [0.0, 1.0], "aa", [(1.0, 0.0, 0.0), (2.0, 0.0, 0.0)])
    assert identical_groups(made) == ()
    assert content_groups(made) == ()


def test_one_scan_under_two_patients_joins_them(tmp_path: Path) -> None:
    (source,) = files(tmp_path, [b"scan"])
    made = cohort([source, source], [0.0, 1.0], "ab", [(1.0, 0.0, 0.0), (2.0, 0.0, 0.0)])
    assert identical_groups(made) == ()
    assert content_groups(made) == ((0, 1),)


def test_copies_on_two_sides_and_other_labels_are_findings(tmp_path: Path) -> None:
    made = cohort(files(tmp_path, [b"a", b"a", b"b", b"b", b"c", b"c"]), [0.0, 1.0, 0.0, np.nan, 1.0, 1.0], "abcdef")
    found = duplicate_findings(made, identical_groups(made), ("training", "test", "training", "tuning", "test", "test"))
    assert [f.code for f in found] == ["RC013", "RC023", "RC014", "RC015"]
    assert [f.severity for f in found] == ["warning", "error", "warning", "warning"]
    assert "1 on training and test" in found[1].sentence
    assert "1 on training and tuning" in found[2].sentence
    assert found[0].sentence.endswith("(3 groups: cases 1 and 2; 3 and 4; 5 and 6)")
    assert found[3].sentence == "1 group of identical images carries different labels (cases 1 and 2)"


def test_without_copies_nothing_is_said(tmp_path: Path) -> None:
    made = cohort(files(tmp_path, [b"a", b"b"]), [0.0, 1.0], "ab")
    assert duplicate_findings(made, identical_groups(made)) == ()


def test_a_file_that_went_away_is_an_error(tmp_path: Path) -> None:
    made = cohort([Source(tmp_path / "gone.png")], [0.0], "a")
    with pytest.raises(ReadError, match=r"gone\.png cannot be read"):
        identical_groups(made)


def test_a_split_keeps_copies_on_one_side(tmp_path: Path) -> None:
    contents = [b"%d" % (100 + i // 2) for i in range(40)]
    made = cohort(
        files(tmp_path, contents), [float(i // 2 % 2) for i in range(40)], "".join(chr(200 + i) for i in range(40))
    )
    found = split(made, seed=0)
    assert all(found.sides[i] == found.sides[i + 1] for i in range(0, 40, 2))
    assert "40 patients make 20 groups" in found.findings[0].sentence


def test_the_known_copies_of_pneumoniamnist_are_found(real_data: Path) -> None:
    made = gather(CohortSettings(real_data / "medmnist" / "pneumoniamnist.npz"), salt="s")
    groups = identical_groups(made)
    sides = split(made, seed=0, identical=groups).sides
    assert len(groups) == 27
    assert sum({sides[i] for i in group} == {"training", "tuning"} for group in groups) == 8
    found = duplicate_findings(made, groups, sides)
    assert "8 on training and tuning" in found[1].sentence


def test_the_known_copies_of_the_radiographs_are_found(real_data: Path) -> None:
    made = gather(CohortSettings(real_data / "chest_xray", patient_from=r"person\d+"), salt="s")
    groups = content_groups(made)
    assert len(groups) == 24
    for group in groups:
        assert len({made.cases[i].source.path.read_bytes() for i in group}) == 1
