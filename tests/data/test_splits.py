"""A split never tears a patient apart, looks alike on all sides, and cannot be changed unnoticed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radcnn.core.case import SIDES, Case, Side, Source
from radcnn.core.errors import ReadError, SplitError
from radcnn.core.target import Kind, Target
from radcnn.data.cohort import Cohort
from radcnn.data.patients import pseudonym
from radcnn.data.splits import MIN_PER_SIDE, Split, folds, split

NONE: tuple[tuple[int, ...], ...] = ()
BINARY = Target("binary", ("y",), ("no", "yes"))


def cohort(
    patients: list[int],
    targets: list[tuple[float, ...]],
    *,
    target: Target = BINARY,
    sides: list[Side] | None = None,
    sites: list[str] | None = None,
    salt: str = "s",
) -> Cohort:
    cases = tuple(
        Case(
            id=f"c{i}",
            patient=pseudonym(str(patient), salt),
            source=Source(Path(f"c{i}.png")),
            targets=truth,
            side=sides[i] if sides else None,
            site=sites[i] if sites else None,
        )
        for i, (patient, truth) in enumerate(zip(patients, targets, strict=True))
    )
    return Cohort(cases, target, "patient", 2)


def binary(n: int, positives: int, per_patient: int = 1, **more: object) -> Cohort:
    """n patients of whom the first `positives` are positive."""
    patients = [p for p in range(n) for _ in range(per_patient)]
    return cohort(patients, [(float(p < positives),) for p in patients], **more)  # type: ignore[arg-type]


def patients_on(cohort: Cohort, split: Split) -> dict[Side, set[str]]:
    return {side: {cohort.cases[i].patient for i in split.of(side)} for side in SIDES}


@st.composite
def cohorts(draw: st.DrawFn) -> Cohort:
    # two more of each class than are needed, since up to two pairs of patients are joined
    few = 3 * MIN_PER_SIDE + 2
    n = draw(st.integers(2 * few, 60))
    positives = draw(st.integers(few, n - few))
    patients = list(range(n)) + draw(st.lists(st.integers(0, n - 1), max_size=40))
    order = draw(st.permutations(range(len(patients))))
    truth = [(float(patients[i] < positives),) for i in order]
    return cohort([patients[i] for i in order], truth, sites=[f"s{patients[i] % 3}" for i in order])


@pytest.mark.parametrize("kind", ["image", "mask"])
def test_images_without_a_value_of_their_own_are_split_by_their_number(kind: Kind) -> None:
    made = cohort(list(range(24)), [(0.0,)] * 24, target=Target(kind, (kind,)))
    found = split(made, seed=0, fractions=(0.5, 0.25, 0.25), identical=NONE)
    assert [len(found.of(side)) for side in SIDES] == [12, 6, 6]
    assert found.method == "by patient"
    with pytest.raises(SplitError, match=r"only 5 patients with a (mask|reference)"):
        split(cohort(list(range(5)), [(0.0,)] * 5, target=Target(kind, (kind,))), seed=0, identical=NONE)


@settings(max_examples=60, deadline=None)
@given(cohorts(), st.integers(0, 99), st.sampled_from(["ignored", "stratified"]), st.data())
def test_no_patient_and_no_copy_is_ever_on_two_sides(made: Cohort, seed: int, sites: str, data: st.DataObject) -> None:
    twins = data.draw(st.lists(st.tuples(*[st.integers(0, len(made) - 1)] * 2), max_size=2))
    found = split(made, seed=seed, sites=sites, identical=twins)  # type: ignore[arg-type]
    sides = patients_on(made, found)
    assert sum(map(len, sides.values())) == len(made.by_patient)
    assert all(found.sides[a] == found.sides[b] for a, b in twins)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(10, 200),
    st.integers(10, 200),
    st.integers(0, 99),
    st.sampled_from([(0.7, 0.15, 0.15), (0.5, 0.25, 0.25), (0.6, 0.2, 0.2), (0.8, 0.1, 0.1)]),
)
def test_every_class_and_all_patients_are_within_one_patient_of_the_fractions(
    negatives: int, positives: int, seed: int, fractions: tuple[float, float, float]
) -> None:
    made = binary(negatives + positives, positives)
    found = split(made, seed=seed, fractions=fractions, identical=NONE)
    for truth, n in ((0.0, negatives), (1.0, positives)):
        for side, fraction in zip(SIDES, fractions, strict=True):
            here = sum(made.cases[i].targets == (truth,) for i in found.of(side))
            assert here >= MIN_PER_SIDE
            if min(fractions) * n >= MIN_PER_SIDE:
                assert abs(here - fraction * n) <= 1
    if min(fractions) * min(negatives, positives) >= MIN_PER_SIDE:
        for side, fraction in zip(SIDES, fractions, strict=True):
            assert abs(len(found.of(side)) - fraction * len(made)) <= 1 + 1e-9


def test_sites_keep_their_share_on_every_side() -> None:
    n = 120
    made = binary(n, 60, sites=[f"site{p % 3}" for p in range(n)])
    found = split(made, seed=3, sites="stratified", identical=NONE)
    for side, fraction in zip(SIDES, (0.7, 0.15, 0.15), strict=True):
        for truth in (0.0, 1.0):
            here = Counter(made.cases[i].site for i in found.of(side) if made.cases[i].targets == (truth,))
            assert all(abs(here[f"site{s}"] - fraction * 20) < 2 for s in range(3))


def test_the_same_seed_gives_the_same_split_whatever_the_salt() -> None:
    first, second = (split(binary(40, 15, 3, salt=salt), seed=5, identical=NONE) for salt in ("a", "b"))
    assert first.sides == second.sides
    assert first.hash == second.hash


def test_another_seed_gives_another_split() -> None:
    assert split(binary(40, 15), seed=5, identical=NONE).sides != split(binary(40, 15), seed=6, identical=NONE).sides


def test_every_patient_is_as_likely_as_any_other_to_be_test() -> None:
    made = binary(20, 10)
    times = Counter(i for seed in range(400) for i in split(made, seed=seed, identical=NONE).of("test"))
    # 4 of 20 patients are test: each 80 times, with a binomial sd of 8
    assert min(times[i] for i in range(20)) > 40
    assert max(times[i] for i in range(20)) < 120


def test_a_multiclass_target_keeps_its_rare_class_on_every_side() -> None:
    target = Target("multiclass", ("y",), ("a", "b", "c"))
    truth = [(float(min(p // 6, 2)),) for p in range(80)]
    made = cohort(list(range(80)), truth, target=target)
    found = split(made, seed=1, identical=NONE)
    for side in SIDES:
        assert Counter(made.cases[i].targets[0] for i in found.of(side))[0.0] == 2


def test_a_patient_with_lesions_of_two_classes_counts_for_the_rarer_one() -> None:
    patients = [p for p in range(40) for _ in range(2)]
    truth = [(float(p < 12 and lesion == 0),) for p in range(40) for lesion in range(2)]
    made = cohort(patients, truth)
    found = split(made, seed=0, identical=NONE)
    assert [sum(made.cases[i].targets[0] for i in found.of(side)) for side in SIDES] == [8, 2, 2]


def test_values_are_spread_over_all_sides() -> None:
    made = cohort(list(range(100)), [(float(p),) for p in range(100)], target=Target("regression", ("age",)))
    found = split(made, seed=2, identical=NONE)
    for side in SIDES:
        values = [made.cases[i].targets[0] for i in found.of(side)]
        assert abs(np.mean(values) - 49.5) < 8
        assert np.std(values) == pytest.approx(28.9, abs=6)


def test_rare_labels_of_many_are_spread_over_all_sides() -> None:
    rng = np.random.default_rng(0)
    present = rng.random((200, 5)) < [0.5, 0.3, 0.1, 0.06, 0.05]
    target = Target("multilabel", tuple("abcde"), ("absent", "present"))
    made = cohort(list(range(200)), [tuple(map(float, row)) for row in present], target=target)
    found = split(made, seed=0, identical=NONE)
    for side, fraction in zip(SIDES, (0.7, 0.15, 0.15), strict=True):
        here = np.sum([made.cases[i].targets for i in found.of(side)], axis=0)
        assert np.abs(here - fraction * present.sum(axis=0)).max() <= 3
        assert (here > 0).all()


def test_cases_without_label_are_never_judged() -> None:
    made = cohort(list(range(30)), [(float(p % 2),) if p < 20 else (np.nan,) for p in range(30)])
    found = split(made, seed=0, identical=NONE)
    assert {found.sides[i] for i in range(20, 30)} == {"training"}
    assert all(len(patients) >= 4 for patients in patients_on(made, found).values())


def test_patients_joined_by_one_blank_image_cannot_be_split() -> None:
    with pytest.raises(SplitError, match=r"only 1 patient of class 'no', after those who share identical images"):
        split(binary(40, 20), seed=0, identical=[range(40)])


def test_patients_with_cases_of_both_classes_count_for_both() -> None:
    # most patients have benign and malignant lesions, three have benign ones only
    lesions = [(patient, float(patient > 2 and lesion > 0)) for patient in range(40) for lesion in range(3)]
    made = cohort([patient for patient, _ in lesions], [(value,) for _, value in lesions])
    for seed in range(20):
        found = split(made, seed=seed, identical=NONE)
        for side in ("training", "tuning", "test"):
            cases = [made.cases[i] for i in found.of(side)]
            for value in (0.0, 1.0):
                assert len({case.patient for case in cases if case.targets == (value,)}) >= 2


def test_a_site_can_be_left_out_as_test_side() -> None:
    made = binary(60, 30, sites=["north" if p % 3 else "south" for p in range(60)])
    found = split(made, seed=0, leave_site="south", identical=NONE)
    assert {made.cases[i].site for i in found.of("test")} == {"south"}
    assert {made.cases[i].site for i in (*found.of("training"), *found.of("tuning"))} == {"north"}
    with pytest.raises(SplitError, match=r"site 'sotuh' is unknown: did you mean south\?"):
        split(made, seed=0, leave_site="sotuh", identical=NONE)


def test_three_cases_are_too_few_and_the_numbers_are_said() -> None:
    with pytest.raises(
        SplitError, match=r"only 2 patients of class 'no', .* at least 6 to judge each side; add cases or"
    ):
        split(binary(3, 1), seed=0, identical=NONE)


@pytest.mark.parametrize("kind", ["regression", "multilabel"])
def test_three_cases_are_too_few_for_every_kind_of_target(kind: Kind) -> None:
    target = Target(kind, ("a", "b"), ("absent", "present") if kind == "multilabel" else ())
    with pytest.raises(SplitError, match="only 3 patients"):
        split(cohort([0, 1, 2], [(0.0, 1.0), (1.0, 0.0), (1.0, 1.0)], target=target), seed=0, identical=NONE)


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.0), (0.5, 0.4, 0.2), (1.2, -0.1, -0.1)])
def test_impossible_fractions_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(SplitError, match="three positive shares that sum to 1"):
        split(binary(20, 10), seed=0, fractions=fractions, identical=NONE)


def official(n: int = 40, parts: tuple[Side, ...] = ("training", "training", "tuning", "test")) -> Cohort:
    sides = [parts[p // 2 % len(parts)] for p in range(n)]
    return cohort(list(range(n)), [(float(p % 2),) for p in range(n)], sides=sides)


def test_a_fixed_split_is_kept() -> None:
    made = official()
    found = split(made, seed=0, identical=NONE)
    assert list(found.sides) == [case.side for case in made.cases]
    assert found.method == "as given by the data"


def test_a_missing_tuning_side_is_taken_from_training_by_patient() -> None:
    sides: list[Side] = ["test" if p < 8 else "training" for p in range(40) for _ in range(2)]
    patients = [p for p in range(40) for _ in range(2)]
    made = cohort(patients, [(float(p % 2),) for p in patients], sides=sides)
    found = split(made, seed=0, fractions=(0.6, 0.2, 0.2), identical=NONE)
    on = patients_on(made, found)
    assert {side: len(patients) for side, patients in on.items()} == {"training": 24, "tuning": 8, "test": 8}
    assert [i for i, side in enumerate(found.sides) if side == "test"] == list(range(16))
    assert "RC016" in [f.code for f in found.findings]


def test_a_patient_on_two_sides_of_a_fixed_split_is_shown_by_the_numbers_of_cases() -> None:
    sides: list[Side] = ["training", "test", "tuning", "training", "test"]
    made = cohort([7, 7, 8, 9, 9], [(0.0,), (1.0,), (0.0,), (1.0,), (0.0,)], sides=sides)
    with pytest.raises(SplitError, match=r"2 patients of 3 are on two sides") as caught:
        split(made, seed=0, identical=NONE)
    assert "(case 1 training, case 2 test; case 4 training, case 5 test)" in str(caught.value)
    assert pseudonym("7", "s") not in str(caught.value), "its salt goes with the study that was refused"


@pytest.mark.parametrize("missing", ["training", "test"])
def test_a_fixed_split_without_training_or_test_is_refused(missing: Side) -> None:
    parts: tuple[Side, ...] = tuple(side for side in SIDES if side != missing)
    with pytest.raises(SplitError, match=f"no {missing} cases"):
        split(official(parts=parts), seed=0, identical=NONE)


def test_a_class_that_a_fixed_side_lacks_is_found() -> None:
    sides: list[Side] = ["training"] * 12 + ["tuning"] * 12 + ["test"] * 12
    made = cohort(list(range(36)), [(float(p % 2 and p < 24),) for p in range(36)], sides=sides)
    (found,) = split(made, seed=0, identical=NONE).findings
    assert found.code == "RC022"
    assert found.sentence.startswith("no test case has 'y' 'yes'")


def test_folds_take_turns_in_tuning_and_the_test_side_stays_sealed() -> None:
    made = binary(60, 24, 2)
    whole = split(made, seed=0, identical=NONE)
    rounds = folds(made, whole, k=5, seed=0, identical=NONE)
    assert len({fold.hash for fold in rounds}) == 5
    assert all(fold.of("test") == whole.of("test") for fold in rounds)
    tuned = [i for fold in rounds for i in fold.of("tuning")]
    assert sorted(tuned) == sorted((*whole.of("training"), *whole.of("tuning")))
    for fold in rounds:
        fold.verify(made)
        positives = {made.cases[i].patient for i in fold.of("tuning") if made.cases[i].targets == (1.0,)}
        assert 4 <= len(positives) <= 5


def test_folds_keep_copies_together_and_refuse_too_few_patients() -> None:
    made = binary(40, 20)
    whole = split(made, seed=0, identical=[(0, 1)])
    for fold in folds(made, whole, k=3, seed=0, identical=[(0, 1)]):
        assert fold.sides[0] == fold.sides[1]
    with pytest.raises(SplitError, match="folds must be 2 to 20"):
        folds(made, whole, k=1, seed=0, identical=NONE)
    with pytest.raises(SplitError, match="to judge each fold; add cases, ask for fewer folds, or join classes"):
        folds(made, whole, k=20, seed=0, identical=NONE)


@pytest.mark.parametrize(("positives", "most"), [(6, 4), (8, 5), (24, 5)])
def test_a_split_says_how_many_folds_its_open_cases_can_fill(positives: int, most: int, tmp_path: Path) -> None:
    made = binary(60, positives)
    found = split(made, seed=0, identical=NONE)
    assert found.most_folds == most
    assert len(folds(made, found, k=most, seed=found.seed, identical=NONE)) == most
    found.save(tmp_path / "split.json")
    assert Split.load(tmp_path / "split.json").most_folds == most


def test_a_saved_split_comes_back_the_same(tmp_path: Path) -> None:
    made = official()
    found = split(made, seed=4, identical=NONE)
    found.save(tmp_path / "split.json")
    assert Split.load(tmp_path / "split.json") == found


@pytest.mark.parametrize("change", ["side", "seed", "gone"])
def test_a_split_changed_by_hand_is_refused(tmp_path: Path, change: str) -> None:
    path = tmp_path / "split.json"
    split(official(), seed=4, identical=NONE).save(path)
    value = json.loads(path.read_text())
    if change == "side":
        value["sides"]["c0"] = "test"
    elif change == "seed":
        value["seed"] = 5
    else:
        del value["sides"]["c3"]
    path.write_text(json.dumps(value))
    with pytest.raises(SplitError, match="was changed after it was made"):
        Split.load(path)


@pytest.mark.parametrize("content", ["[]", "{}", '{"format": "other"}', "not json"])
def test_what_is_no_split_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "split.json").write_text(content)
    with pytest.raises(ReadError, match=r"split\.json"):
        Split.load(tmp_path / "split.json")


def test_a_split_of_other_data_is_refused() -> None:
    made = official()
    found = split(made, seed=0, identical=NONE)
    with pytest.raises(SplitError, match="2 cases came and 0 went"):
        found.verify(official(42))
    with pytest.raises(SplitError, match="0 cases came and 4 went"):
        found.verify(official(36))
    moved = replace(made, cases=tuple(replace(case, patient="p0000000000") for case in made.cases))
    with pytest.raises(SplitError, match="1 patient of 1 is on two sides"):
        found.verify(moved)


def test_a_split_knows_its_cases_again_by_salted_marks(tmp_path: Path) -> None:
    plain = binary(40, 20)
    marked = replace(plain, cases=tuple(replace(case, mark=f"m{i}") for i, case in enumerate(plain.cases)))
    made = split(marked, seed=0, identical=())
    assert made.hash == split(plain, seed=0, identical=()).hash, "marks are salted, so the hash leaves them out"
    made.save(tmp_path / "split.json")
    loaded = Split.load(tmp_path / "split.json")
    assert loaded == made
    loaded.verify(marked)
    first, second, *rest = marked.cases
    swapped = (replace(first, mark="m1"), replace(second, mark="m0"), *rest)
    with pytest.raises(SplitError, match="0 cases came and 0 went, or their order changed"):
        loaded.verify(replace(marked, cases=swapped))
    with pytest.raises(SplitError, match="1 case came and 1 went"):
        loaded.verify(replace(marked, cases=(replace(first, mark="new"), second, *rest)))
