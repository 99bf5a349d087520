"""What is said of the labels in masks, and of folds that would have none."""

from __future__ import annotations

from radcnn.data.mask_print import MaskPrint, fold_findings, print_findings

MASKS = MaskPrint(8, {"1": 8, "2": 2}, {"0": 0.8, "1": 0.1, "2": 0.1}, 0.0, 1.0, 0, None)


def test_a_label_in_few_masks_is_named_with_its_cases() -> None:
    (said,) = print_findings(MASKS)
    assert said.code == "RC047"
    assert "2 (2 cases)" in said.sentence


def test_folds_without_a_structure_are_foretold() -> None:
    (said,) = fold_findings(MASKS, 3)
    assert (said.code, said.severity) == ("RC079", "warning")
    assert said.sentence == (
        "labels that fewer of 8 training masks hold than there are folds (3), so that a fold has none to judge by: "
        "2 (2 cases)"
    )
    assert fold_findings(MASKS, 2) == ()
