"""A Frame answers alike for a file of its own and for one of many frames."""

from __future__ import annotations

from pydicom.dataset import Dataset

from radcnn.data.dicom.frame import Frame


def item(**attributes: object) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def test_the_frames_own_word_wins_over_the_shared_one_and_both_over_the_data_set() -> None:
    dataset = item(RescaleSlope=3, RescaleIntercept=3, Rows=7)
    shared = item(PixelValueTransformationSequence=[item(RescaleSlope=2, RescaleIntercept=2)])
    own = item(PixelValueTransformationSequence=[item(RescaleSlope=1)])
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [own, item()]
    first, second = Frame(dataset, 0), Frame(dataset, 1)
    assert (first.get("RescaleSlope"), first.get("RescaleIntercept"), first.get("Rows")) == (1, 2, 7)
    assert (second.get("RescaleSlope"), second.get("RescaleIntercept")) == (2, 2)
    assert "Rows" in first
    assert "RescaleType" not in first
    assert first.get("RescaleType", "HU") == "HU"


def test_a_plain_image_is_its_own_only_frame() -> None:
    assert Frame(item(Rows=4)).get("Rows") == 4
    assert Frame(item(Rows=4)).get("Columns") is None
