"""Every rule on data described by hand: what is proposed, why, and what a person may overrule."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from radcnn.core.errors import SettingsError
from radcnn.core.target import Target
from radcnn.data.fingerprint import Extent, Fingerprint, Intensities
from radcnn.learning.lessons import first_network
from radcnn.plan.facts import Facts
from radcnn.plan.propose import propose
from radcnn.plan.settings import NetworkPlan, Plan, Reason, TaskPlan, TrainingPlan
from radcnn.tasks import make_task
from radcnn.transforms.intensity import Intensity

BINARY = Target("binary", ("malignant",), ("benign", "malignant"))
SIGMOID = TaskPlan("sigmoid", "binary cross-entropy")


def greys(low: float, high: float, **changes: Any) -> Intensities:
    middle = (low + high) / 2
    made = Intensities(low, low, middle, high, high, middle, (high - low) / 4, low, high, 0.1, None, False)
    return replace(made, **changes)


def alike(*size: float) -> Extent:
    return Extent(size, size, size)


def found(size: tuple[int, ...] = (28, 28), cases: tuple[int, int, int] = (4000, 500, 600), **changes: Any) -> Any:
    """Small grey pictures of 8 bits, unless changed."""
    sides = ("training", "tuning", "test")
    counts = dict(zip(sides, cases, strict=True))
    made = Fingerprint(
        target_kind="binary", unit="patient", cases=counts, patients=counts, classes={}, unlabelled=0, sites=(),
        regions=False, measured=200, rank=len(size), channels=1, units=("grey",), stored_uint8=True,
        size=alike(*size), same_size=True, spacing_mm=None, grey_as_colour=False, intensities=greys(0, 255),
    )  # fmt: skip
    return replace(made, **changes)


def facts(fingerprint: Fingerprint | None = None, **changes: Any) -> Facts:
    made = Facts(fingerprint or found(), BINARY, 10.0, 2, False, SIGMOID, "one yes/no question", most_folds=5)
    return replace(made, **changes)


HU = {"units": ("HU",), "stored_uint8": False, "intensities": greys(-1004.0, 512.0), "spacing_mm": alike(2.5, 0.7, 0.7)}
NODULES = found((120, 512, 512), (300, 60, 60), regions=True, **HU)
DATA = {
    "small grey pictures": found(),
    "colour": found(channels=3, units=("rgb",)),
    "grey stored as colour": found(channels=3, units=("rgb",), grey_as_colour=True),
    "grey, some stored as colour": found(units=("grey", "rgb"), grey_as_colour=True),
    "radiographs": found((1024, 900), same_size=False, stored_uint8=False, intensities=greys(0, 4095)),
    "nodules in CT": NODULES,
    "whole CT": found((120, 512, 512), same_size=False, **HU),
    "MR": found((30, 256, 256), (80, 20, 20), units=("arbitrary",), stored_uint8=False, intensities=greys(0, 1734.0)),
    "dim MR": found((30, 256, 256), units=("arbitrary",), stored_uint8=False, intensities=greys(0, 200)),
    "grey from 0 to 1": found(stored_uint8=False, intensities=greys(0.0, 1.0)),
    "shapes": found((28, 28, 28), (1188, 98, 298), intensities=greys(0, 1, binary=True, distinct=2)),
    "regions of radiographs": found((2000, 2000), regions=True, spacing_mm=alike(0.1, 0.1)),
}


def reason(plan: Plan, setting: str) -> Any:
    (one,) = [r for r in plan.reasons if r.setting == setting]
    return one


@pytest.mark.parametrize("name", DATA)
def test_a_proposal_is_whole_repeatable_and_gives_its_reasons(name: str) -> None:
    plan = propose(facts(DATA[name]))
    assert plan == propose(facts(DATA[name]))
    said = [r.setting for r in plan.reasons]
    assert len(set(said)) == len(said)
    assert all(r.sentence and r.value and r.source == "rule" for r in plan.reasons)
    networks = "members" if plan.training.folds else "none of them"
    training = {f"training.{f.name}" for f in fields(TrainingPlan)} - {
        "training.precision",
        "training.adversarial",
        f"training.{networks}",
    }
    shown = {"task", "network", *(f"preparation.{name}" for name in ("size", "fit", "intensity", "channels"))}
    assert training | shown | {"augmentation.padding"} <= set(said)
    network = first_network(plan, make_task(BINARY), 0)
    assert network.head.out_features == 1
    assert (plan.preparation.dims, plan.seed) == (DATA[name].rank, 0)


@pytest.mark.parametrize(
    ("name", "size", "fit", "channels", "intensity"),
    [
        ("small grey pictures", (28, 28), "stretch", 1, Intensity("range", 0, 255)),
        ("colour", (28, 28), "stretch", 3, Intensity("range", 0, 255)),
        ("grey stored as colour", (28, 28), "stretch", 1, Intensity("range", 0, 255)),
        ("grey, some stored as colour", (28, 28), "stretch", 1, Intensity("range", 0, 255)),
        ("radiographs", None, "pad", 1, Intensity("percentiles", 1, 99)),
        ("nodules in CT", (32, 32, 32), "crop", 1, Intensity("window", -1000, 400)),
        ("whole CT", None, "pad", 1, Intensity("window", -1000, 510)),
        ("MR", None, "pad", 1, Intensity("zscore")),
        ("dim MR", None, "pad", 1, Intensity("zscore")),
        ("grey from 0 to 1", (28, 28), "stretch", 1, Intensity("percentiles", 1, 99)),
        ("shapes", (28, 28, 28), "stretch", 1, Intensity("range", 0, 1)),
        ("regions of radiographs", (32, 32), "crop", 1, Intensity("range", 0, 255)),
    ],
)
def test_images_are_prepared_as_what_they_are(
    name: str, size: tuple[int, ...] | None, fit: str, channels: int, intensity: Intensity
) -> None:
    made = propose(facts(DATA[name])).preparation
    assert (made.fit, made.channels, made.intensity) == (fit, channels, intensity)
    if size is not None:
        assert made.size == size
    else:
        assert len(set(made.size)) == 1
        assert max(made.size) <= max(DATA[name].size.median)


@pytest.mark.parametrize(
    ("intensities", "window"),
    [
        (greys(-1004.0, 512.0), (-1000.0, 400.0)),  # air about: a lung
        (greys(-160.0, 240.0), (-160.0, 240.0)),  # soft tissue
        (greys(-1004.0, 512.0, p5=-150.0), (-1000.0, 510.0)),  # little air
        (greys(-3024.0, 400.0, p5=-150.0), (-1024.0, 400.0)),  # padding that the file does not name
        (greys(-3024.0, -2000.0, p5=-150.0), (-1024.0, -1014.0)),
    ],
)
def test_the_window_of_a_region_follows_the_tissue_about_it(intensities: Intensities, window: tuple) -> None:
    made = propose(facts(replace(NODULES, intensities=intensities))).preparation.intensity
    assert (made.kind, made.low, made.high) == ("window", *window)


@pytest.mark.parametrize("units", ["HU", "grey"])
@pytest.mark.parametrize("binary", [True, False])
def test_images_that_are_all_one_value_still_have_a_plan(units: str, binary: bool) -> None:
    constant = found(units=(units,), intensities=greys(-1000.0, -1000.0, binary=binary, distinct=1))
    assert propose(facts(constant)).preparation.intensity is not None


def test_a_region_has_its_extent_in_mm_and_motions_know_its_voxels() -> None:
    plan = propose(facts(NODULES))
    assert plan.preparation.region_mm == (40.0, 40.0, 40.0)
    assert plan.augmentation.spacing_mm == (1.25, 1.25, 1.25)
    asked = propose(facts(NODULES, region_mm=64.0))
    assert asked.preparation.region_mm == (64.0, 64.0, 64.0)
    assert reason(asked, "preparation.region_mm").sentence == "as asked"


def names(plan: Plan) -> list[str]:
    return [next(iter(entry)) for entry in plan.augmentation.as_json()["transforms"]]


@pytest.mark.parametrize(
    ("name", "has", "lacks"),
    [
        ("small grey pictures", {"rotate", "brightness", "gamma", "erasing"}, {"flip"}),
        ("nodules in CT", {"flip", "rotate", "noise"}, {"brightness", "contrast", "gamma", "erasing"}),
        ("whole CT", {"rotate", "noise"}, {"flip", "brightness"}),
        ("shapes", {"rotate", "elastic"}, {"flip", "brightness", "noise"}),
        ("MR", {"brightness", "gamma"}, {"flip"}),
    ],
)
def test_images_are_changed_only_as_a_reader_would_not_mind(name: str, has: set, lacks: set) -> None:
    used = set(names(propose(facts(DATA[name]))))
    assert has <= used
    assert not lacks & used


def test_the_side_of_the_body_is_guarded_except_about_a_lesion() -> None:
    assert "left and right matter" in reason(propose(facts()), "augmentation.flip").sentence
    assert "has no side" in reason(propose(facts(NODULES)), "augmentation.flip").sentence


def networks_of(plan: Plan) -> int:
    return plan.training.folds or plan.training.members


@pytest.mark.parametrize("name", DATA)
def test_more_minutes_never_mean_less(name: str) -> None:
    plans = [propose(facts(DATA[name], minutes=minutes)) for minutes in (0.2, 1.0, 5.0, 20.0, 120.0, 100_000.0)]
    widths = [plan.network.options["base_width"] for plan in plans]
    sizes = [max(plan.preparation.size) for plan in plans]
    assert sizes == sorted(sizes)
    assert plans[0].training.epochs >= 1
    assert all(plan.training.epochs <= 60 and networks_of(plan) <= 5 for plan in plans)
    if len(set(sizes)) == 1:
        assert widths == sorted(widths)
    assert networks_of(plans[-1]) == 5


def test_few_minutes_mean_one_small_network() -> None:
    hurried = propose(facts(DATA["radiographs"], minutes=0.5))
    assert hurried.network.options["base_width"] == 16
    assert networks_of(hurried) == 1
    assert "takes all of the minutes" in reason(hurried, "training.members").sentence


FEW = found(cases=(300, 60, 60))


def test_few_cases_are_tuned_on_in_turn_where_time_allows_it() -> None:
    plan = propose(facts(FEW, minutes=60))
    assert (plan.training.folds, plan.training.members) == (5, 1)
    assert "360 cases are too few" in reason(plan, "training.folds").sentence
    assert propose(facts(FEW, minutes=60, fixed_split=True)).training.folds == 0
    assert propose(facts(FEW, minutes=0.02)).training.folds == 0
    three = propose(facts(FEW, minutes=60, most_folds=3))
    assert (three.training.folds, reason(three, "training.folds").value) == (3, "3")
    none = propose(facts(FEW, minutes=60, most_folds=0))
    assert none.training.folds == 0
    assert "too few patients of the rarest class" in reason(none, "training.folds").sentence
    many = propose(facts(minutes=60))
    assert many.training.folds == 0
    assert "4500 cases are enough" in reason(many, "training.folds").sentence


@pytest.mark.parametrize(("training", "batch"), [(10, 8), (160, 8), (700, 32), (4000, 128), (10**6, 128)])
def test_a_batch_leaves_enough_steps(training: int, batch: int) -> None:
    plan = propose(facts(found(cases=(training, 100, 100))))
    assert plan.training.batch == batch
    large = propose(facts(found((1024, 1024), (training, 100, 100)), minutes=1e7))
    assert large.training.batch == min(batch, 32)


def test_the_rate_grows_with_the_batch_that_is_used() -> None:
    assert propose(facts()).training.learning_rate == pytest.approx(2e-3)
    asked = propose(facts(asked={"training": {"batch": 32}}))
    assert (asked.training.batch, asked.training.learning_rate) == (32, pytest.approx(1e-3))


def test_few_cases_do_not_lower_the_rate() -> None:
    few = propose(facts(found(cases=(160, 40, 40))))
    assert (few.training.batch, few.training.learning_rate) == (8, pytest.approx(1e-3))


def test_a_region_keeps_its_resolution_and_a_volume_does_not() -> None:
    region, volume = propose(facts(NODULES, minutes=2.0)), propose(facts(DATA["shapes"], minutes=2.0))
    assert (region.preparation.size, region.network.options["stem"]) == ((32, 32, 32), "pooled")
    assert region.network.options["base_width"] == 16
    assert "the narrowest, since 2 minutes are few" in reason(region, "network").sentence
    assert volume.network.options["stem"] == "strided"
    longer = propose(facts(NODULES, minutes=60.0))
    assert longer.network.options["base_width"] > 16
    assert "the widest that leaves 60 minutes" in reason(longer, "network").sentence


def asked(fingerprint: Fingerprint | None = None, minutes: float = 10.0, **sections: Any) -> Plan:
    return propose(facts(fingerprint, minutes=minutes, asked=sections))


def test_what_was_asked_for_beats_the_rules_and_says_so() -> None:
    plan = asked(
        training={"epochs": 7, "learning_rate": 0.5, "optimizer": "sgd", "mixup": 0.2},
        preparation={"size": [40, 48], "fit": "pad"},
        augmentation={"padding": "zeros", "transforms": ["rotate"]},
        network={"name": "vgg11_bn", "options": {"base_width": 8}},
    )
    assert (plan.training.epochs, plan.training.learning_rate, plan.training.mixup) == (7, 0.5, 0.2)
    assert (plan.preparation.size, plan.preparation.fit) == ((40, 48), "pad")
    assert names(plan) == ["rotate"]
    assert plan.network == NetworkPlan("vgg11_bn", {"base_width": 8})
    for setting, value in (("training.epochs", "7"), ("training.optimizer", "sgd"), ("network", "vgg11_bn"),
                           ("preparation.size", "[40, 48]"), ("augmentation", "as in the study")):  # fmt: skip
        given = reason(plan, setting)
        assert (given.value, given.sentence, given.source) == (value, "asked for", "study")
    kept = reason(plan, "training.batch")
    assert kept.source == "rule"


def test_a_last_layer_that_was_asked_for_is_marked_so() -> None:
    assert reason(asked(), "task").source == "rule"
    given = reason(asked(task={"last_layer": "sigmoid"}), "task")
    assert (given.value, given.sentence, given.source) == (
        "sigmoid with binary cross-entropy", "one yes/no question", "study"
    )  # fmt: skip


@pytest.mark.parametrize("members", [1, 3])
def test_members_that_were_asked_for_take_the_place_of_folds_and_share_the_minutes(members: int) -> None:
    plan = asked(FEW, 60, training={"members": members})
    assert (plan.training.folds, plan.training.members) == (0, members)
    assert plan.training.epochs == 60
    hurried = [asked(minutes=3, training={"members": count}).training.epochs for count in (1, 2, 4)]
    assert hurried[0] >= 2 * hurried[1] - 1 >= 4 * hurried[2] - 3
    assert hurried[2] >= 1


def test_options_without_a_network_are_those_of_the_proposed_one() -> None:
    proposed = propose(facts()).network
    plan = propose(facts(asked={"network": {"options": {"dropout": 0.4}}}))
    assert plan.network == NetworkPlan(proposed.name, {**proposed.options, "dropout": 0.4})
    assert Reason("network", proposed.name, "proposed, with the options that were asked for", "study") in plan.reasons


def test_epochs_that_were_asked_for_leave_room_for_fewer_networks() -> None:
    total = [
        networks_of(plan) * plan.training.epochs
        for plan in (asked(minutes=3), asked(minutes=3, training={"epochs": 60}))
    ]
    assert total[1] <= max(60, total[0])


def test_folds_that_were_asked_for_are_made() -> None:
    assert asked(training={"folds": 3}).training.folds == 3
    assert asked(FEW, 60, training={"folds": 0}).training.folds == 0


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"training": {"epoch": 3}}, "training has no setting 'epoch': did you mean epochs?"),
        ({"training": {"epochs": "3"}}, "epochs of training must be a whole number, got '3'"),
        ({"training": {"epochs": 0}}, "epochs of training must be at least 1, got 0"),
        ({"training": {"batch": 0}}, "batch of training must be at least 1, got 0"),
        ({"training": {"batch": "8"}}, "batch of training must be a whole number, got '8'"),
        ({"training": {"members": 2, "folds": 5}}, "training takes folds or members, not both: got 5 and 2"),
        ({"training": {"folds": 1}}, "folds of training must be 0 (none) or 2 to 20, got 1"),
        ({"training": {"folds": "five"}}, "folds of training must be a whole number, got 'five'"),
        ({"training": {"optimizer": "adma"}}, "did you mean adam"),
        ({"training": {"schedule": "cosin"}}, "did you mean cosine?"),
        ({"training": {"learning_rate": 0}}, "learning_rate of training must be positive, got 0"),
        ({"training": {"label_smoothing": 1.0}}, "label_smoothing of training must be at least 0 and below 1, got 1"),
        ({"training": {"averaging": 1.0}}, "averaging of training must be at least 0 and below 1"),
        ({"training": {"views": "flip"}}, "did you mean flips?"),
        ({"training": {"weight_decay": -0.1}}, "weight_decay of training must be at least 0"),
        ({"preparation": {"sizes": [8, 8]}}, "preparation has no setting 'sizes': did you mean size?"),
        ({"preparation": {"size": [8, 8, 8]}}, "size must be 2 positive whole numbers"),
        ({"preparation": {"intensity": {"kind": "windw"}}}, "did you mean window?"),
        ({"augmentation": {"transforms": [{"rotat": {}}]}}, "transform 'rotat' is unknown: did you mean rotate?"),
        ({"augmentation": {"tranforms": []}}, "did you mean transforms?"),
        ({"network": {"name": "resnet81"}}, "network 'resnet81' is unknown: did you mean resnet18?"),
        ({"network": {"options": {"kernels": [4]}}}, "kernels"),
        ({"network": {"name": "resnet18", "options": {"stm": "small"}}}, "did you mean stem?"),
        ({"network": {"name": "resnet18", "option": {}}}, "network has no setting 'option': did you mean options?"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_computed(sections: dict, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        asked(**sections)
    assert says in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("label_smoothing", 0.1), ("balance", True)])
def test_what_needs_classes_is_refused_for_a_regression(name: str, value: object) -> None:
    task = TaskPlan("identity", "mean squared error", ((0.0, 1.0),))
    values = facts(target=Target("regression", ("age",)), task=task)
    assert not getattr(propose(values).training, name)
    assert getattr(asked(training={name: value}).training, name) == value
    with pytest.raises(SettingsError, match=f"training.{name} needs classes, and a regression has none; leave it out"):
        propose(replace(values, asked={"training": {name: value}}))


@pytest.mark.parametrize(
    ("name", "options", "refused"),
    [
        ("resnet18", {}, True),
        ("resnet18", {"norm": "group"}, False),
        ("vgg11_bn", {}, True),
        ("vgg11", {}, False),
        ("chain", {}, False),
        ("chain", {"norm": "batch"}, True),
    ],
)
def test_a_batch_of_one_case_is_refused_where_batches_are_normalised(name: str, options: dict, refused: bool) -> None:
    sections = {"network": {"name": name, "options": options}, "preparation": {"size": [32, 32]}}
    assert asked(**sections, training={"batch": 2}).training.batch == 2
    if not refused:
        assert asked(**sections, training={"batch": 1}).training.batch == 1
        return
    with pytest.raises(SettingsError, match=f"batch must be at least 2 for {name} with batch normalisation.*got 1"):
        asked(**sections, training={"batch": 1})


@pytest.mark.parametrize(("kind", "outputs"), [("binary", 1), ("multiclass", 4), ("multilabel", 3), ("regression", 3)])
def test_facts_know_the_width_of_the_last_layer(kind: Any, outputs: int) -> None:
    named = ("a", "b", "c") if outputs == 3 else ("y",)
    target = Target(kind, named, ("I", "II", "III", "IV") if kind == "multiclass" else ())
    assert facts(target=target).outputs == outputs


def test_of_a_whole_ct_the_body_is_looked_at() -> None:
    plan = propose(facts(DATA["whole CT"]))
    assert plan.preparation.within == "body"
    assert "table" in reason(plan, "preparation.within").sentence
    others = [name for name in DATA if name != "whole CT"]
    assert all(propose(facts(DATA[name])).preparation.within == "image" for name in others)
    asked = propose(facts(DATA["whole CT"], asked={"preparation": {"within": "image"}}))
    assert asked.preparation.within == "image"
    assert reason(asked, "preparation.within").sentence == "asked for"
