"""The plan of a segmentation: slices or volumes, the grid, patches and networks that fit the minutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.core.settings import from_plain, to_plain
from radcnn.data.fingerprint import Extent, Fingerprint
from radcnn.data.gauge import Intensities
from radcnn.data.mask_print import MaskPrint
from radcnn.networks.image_networks import bare_image_network
from radcnn.plan.rules_patches import ENOUGH_STEPS, affordable_steps, step_seconds
from radcnn.plan.rules_segmentation import propose_segmentation
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.plan.segmentation_facts import SegmentationFacts
from radcnn.transforms.spatial import Rotate

MASKS = MaskPrint(40, {"1": 40, "2": 38}, {"0": 0.9, "1": 0.08, "2": 0.02}, -120.0, 260.0)
GREY = Intensities(0, 10, 90, 200, 255, 100, 50, 0, 255, 0.1, None, False)


def fingerprint(
    size: tuple[int, ...], spacing: tuple[float, ...] | None, *, other: float = 1.0, uint8: bool = False
) -> Fingerprint:
    same = Extent(size, size, size)
    spacings = spacing and Extent(spacing, spacing, tuple(other * mm for mm in spacing))
    return Fingerprint(
        target_kind="mask", unit="patient", cases={"training": 40, "tuning": 8, "test": 12},
        patients={"training": 40, "tuning": 8, "test": 12}, classes={}, unlabelled=0, sites=(), regions=False,
        measured=40, rank=len(size), channels=1, units=("HU",), stored_uint8=uint8, size=same, same_size=True,
        spacing_mm=spacings, grey_as_colour=False, intensities=GREY, findings=(),
    )  # fmt: skip


def planned(
    size: tuple[int, ...] = (100, 512, 512), spacing: tuple[float, ...] | None = (1.0, 0.8, 0.8), *,
    units: str = "HU", minutes: float = 30.0, other: float = 1.0, masks: MaskPrint = MASKS,
    structures: Mapping[str, tuple[int, ...]] | None = None, uint8: bool = False, **asked: Mapping[str, Any],
) -> SegmentationPlan:  # fmt: skip
    found = fingerprint(size, spacing, other=other, uint8=uint8)
    facts = SegmentationFacts(found, masks, units, minutes, 2, structures=structures or {}, asked=asked)  # type: ignore[arg-type]
    return propose_segmentation(facts)


def test_thick_slices_are_looked_at_one_by_one_and_even_voxels_as_volumes() -> None:
    assert planned(spacing=(1.0, 0.8, 0.8)).dims == 3
    assert planned(spacing=(8.0, 1.4, 1.4)).dims == 2
    assert planned(size=(10, 256, 216), spacing=None).dims == 2
    assert planned(size=(512, 512), spacing=None).dims == 2
    asked = planned(spacing=(1.0, 0.8, 0.8), segmentation={"dims": 2})
    assert (asked.dims, asked.neighbours) == (2, 1)


def test_spacings_are_brought_to_the_median_but_slices_stay_where_they_are() -> None:
    assert planned().spacing_mm == (1.0, 0.8, 0.8)
    assert planned(other=1.5).spacing_mm == (1.0, 0.8, 0.8)
    assert planned(spacing=(8.0, 1.4, 1.4), other=1.5).spacing_mm == (0.0, 1.4, 1.4)
    assert planned(size=(10, 256, 216), spacing=None).spacing_mm is None


def test_patients_are_turned_rigidly_in_millimetres_on_the_grid_that_is_asked_for() -> None:
    assert planned(spacing=(2.5, 1.0, 1.0), minutes=5.0).augmentation.spacing_mm == (2.5, 1.0, 1.0)
    asked = planned(spacing=(2.5, 1.0, 1.0), segmentation={"spacing_mm": [1.0, 1.0, 1.0]})
    assert asked.augmentation.spacing_mm == (1.0, 1.0, 1.0)
    assert planned(spacing=(8.0, 1.4, 0.7)).augmentation.spacing_mm == (1.4, 0.7)
    assert planned(spacing=None).augmentation.spacing_mm is None
    with pytest.raises(SettingsError, match="needs 3 numbers"):
        planned(segmentation={"spacing_mm": [1.0, 1.0]})


def test_thick_slices_of_volumes_are_not_turned_into_each_other() -> None:
    for spacing, thick in (((2.5, 1.0, 1.0), True), ((1.0, 1.0, 1.0), False)):
        plan = planned(spacing=spacing, segmentation={"dims": 3})
        (turn,) = (one for one in plan.augmentation.transforms if isinstance(one, Rotate))
        assert (turn.out_of_plane_degrees == 0.0) == thick
        assert (plan.network.options["flat"] == 1) == thick
    own = planned(spacing=(2.5, 1.0, 1.0), segmentation={"dims": 3, "spacing_mm": [0.0, 1.0, 1.0]})
    assert own.network.options["flat"] == 1
    assert planned(spacing=(3.0, 1.0, 1.0), segmentation={"dims": 3, "spacing_mm": [3.0, 0.0, 0.0]}).dims == 3


def test_grey_values_keep_their_meaning_where_they_have_one() -> None:
    assert (planned().intensity.kind, planned().intensity.low) == ("window", -120)
    assert planned(units="grey", uint8=True).intensity.kind == "range"
    assert planned(units="arbitrary").intensity.kind == "zscore"


@pytest.mark.parametrize("size", [(100, 512, 512), (512, 512), (10, 256, 216), (40, 60, 50), (64, 64)])
@pytest.mark.parametrize("minutes", [0.5, 10.0, 60.0])
def test_networks_fit_their_patches_and_minutes(size: tuple[int, ...], minutes: float) -> None:
    plan = planned(size=size, spacing=None, minutes=minutes)
    facts = SegmentationFacts(fingerprint(size, None), MASKS, "HU", minutes, 2)
    kernels = plan.network.options["kernels"]
    assert isinstance(kernels, (list, tuple))
    assert all(side % 2 ** (len(kernels) - 1) == 0 for side in plan.patch[-2:])
    assert all(side <= n + 31 for side, n in zip(plan.patch, size[-plan.dims :], strict=True))
    if minutes >= 10:
        assert affordable_steps(facts, plan) >= ENOUGH_STEPS
    more = planned(size=size, spacing=None, minutes=4 * minutes)
    wider = more.network.options["kernels"]
    assert isinstance(wider, (list, tuple))
    assert (more.patch, wider) >= (plan.patch, kernels)


@pytest.mark.parametrize("size", [(24, 256, 256), (40, 160, 160), (10, 256, 216), (512, 500), (30, 30, 30)])
@pytest.mark.parametrize(
    ("name", "dims"), [("unet2d", 2), ("unet3d", 3), ("resenc3d", 3), ("unet2015", 2), ("vnet", 3), ("lu2017", 2)]
)
@pytest.mark.parametrize("minutes", [5.0, 240.0])
def test_every_network_can_be_taught_on_its_patch(size: tuple[int, ...], name: str, dims: int, minutes: float) -> None:
    if dims > len(size):
        return
    plan = planned(
        size=size, spacing=(1.0,) * len(size), minutes=minutes, network={"name": name}, segmentation={"dims": dims}
    )
    network = bare_image_network(
        plan.network.name, channels=plan.seen, outputs=plan.outputs, dims=plan.dims, options=plan.network.options
    )
    seen = torch.empty(1, plan.seen, *(side + sum(network.margins) for side in plan.patch), device="meta")
    assert network.with_auxiliary(seen)[0].shape[2:] == plan.patch


def test_a_patch_that_cannot_be_halved_is_refused_with_the_next_one() -> None:
    with pytest.raises(SettingsError, match="100 x 100 cannot be halved"):
        planned(
            size=(200, 200), spacing=None, segmentation={"patch": [100, 100]},
            network={"name": "unet2d", "options": {"kernels": [8, 16, 16, 16, 16]}},
        )  # fmt: skip


def test_patches_lie_about_structures_where_these_are_small_and_no_tissue() -> None:
    size, reach = (400, 400), (70.0, 90.0)
    small = replace(MASKS, reach=Extent(reach, reach, size))
    asked = {"size": size, "spacing": None, "minutes": 240.0}
    assert planned(**asked).patch == (256, 256)  # type: ignore[arg-type]
    assert planned(**asked, masks=small).patch == (144, 192)  # type: ignore[arg-type]
    tissue = replace(small, parts={"1": 50.0})
    assert planned(**asked, masks=tissue).patch == (256, 256)  # type: ignore[arg-type]
    # millimetres count: on a grid twice as fine the structures have twice as many voxels
    fine = planned(size=size, spacing=(1.0, 1.0), minutes=240.0, masks=small, segmentation={"spacing_mm": [0.5, 0.5]})
    assert fine.patch == (256, 256)


@pytest.mark.parametrize("many", [{"members": 3}, {"folds": 3}])
def test_several_networks_share_the_minutes(many: dict[str, int]) -> None:
    network, patch = {"options": {"kernels": [16, 32, 64]}}, {"patch": [32, 64, 64]}
    one = planned(minutes=60.0, network=network, segmentation=patch)
    three = planned(minutes=60.0, network=network, segmentation=patch, training=many)
    assert three.training.networks == 3
    assert three.patch == one.patch
    assert three.steps == pytest.approx(one.steps / 3, rel=0.02)


def test_minutes_are_those_of_the_kind_of_processor() -> None:
    network = {"options": {"kernels": [16, 32, 64]}}
    wide = planned(minutes=60.0, network=network, segmentation={"patch": [32, 64, 64]})
    facts = SegmentationFacts(fingerprint((32, 64, 64), None), MASKS, "HU", 60.0, 2)
    narrow = replace(facts, vectors=256)
    assert 3 < affordable_steps(facts, wide) / affordable_steps(narrow, wide) < 5
    assert step_seconds(wide, 2, 256) == pytest.approx(2 * step_seconds(wide, 4, 256), rel=0.1)


def test_structures_are_those_of_the_masks_or_those_that_were_named() -> None:
    assert [one.name for one in planned().structures] == ["label 1", "label 2"]
    named = planned(structures={"whole": (1, 2), "core": (2,)})
    assert (named.exclusive, named.outputs) == (False, 2)
    scribbles = MaskPrint(40, {"1": 40, "4": 40}, {"0": 0.1, "1": 0.1, "4": 0.8}, 0, 1, 0, 4)
    plan = planned(size=(64, 64), spacing=None, masks=scribbles)
    assert (plan.unlabelled, [one.labels for one in plan.structures]) == (4, [(1,)])
    for asked, wanted in ((None, [(1,), (4,)]), (1, [(4,)])):
        plan = planned(size=(64, 64), spacing=None, masks=scribbles, segmentation={"unlabelled": asked})
        assert (plan.unlabelled, [one.labels for one in plan.structures]) == (asked, wanted)


def test_what_is_asked_for_is_taken_and_said() -> None:
    plan = planned(
        network={"name": "resenc3d"}, segmentation={"loss": "tversky+ce", "patch": [32, 64, 64]}, training={"batch": 1}
    )
    assert (plan.network.name, plan.loss, plan.patch, plan.training.batch) == (
        "resenc_unet", "tversky+ce", (32, 64, 64), 1,
    )  # fmt: skip
    said = {reason.setting: reason.source for reason in plan.reasons}
    assert said["segmentation.loss"] == said["training.batch"] == "study"
    assert planned(network={"name": "vnet"}, segmentation={"dims": 3}).network.name == "vnet"
    with pytest.raises(SettingsError, match="did you mean dice"):
        planned(segmentation={"loss": "dcie"})
    with pytest.raises(SettingsError, match="not averaged over shifts"):
        planned(training={"views": "shifts"})
    with pytest.raises(SettingsError, match="U-Net's map of weights"):
        planned(segmentation={"border": 10.0})
    with pytest.raises(SettingsError, match="the images are 2D"):
        planned(size=(64, 64), spacing=None, network={"name": "unet3d"})


def test_a_tissue_of_cells_is_turned_every_way_and_judged_by_its_partition() -> None:
    masks = MaskPrint(24, {"255": 24}, {"0": 0.2, "255": 0.8}, 40.0, 200.0, parts={"255": 90.0})
    plan = planned(size=(512, 512), spacing=None, units="arbitrary", uint8=True, masks=masks)
    assert plan.cells == ("label 255",)
    assert [type(one).__name__ for one in plan.augmentation.transforms][:4] == ["Flip", "Rotate", "Scale", "Elastic"]
    assert planned(size=(512, 512), spacing=None, masks=masks, segmentation={"cells": []}).cells == ()
    for dims in (2, 3):
        with pytest.raises(SettingsError, match="parted in planes"):
            planned(segmentation={"cells": ["label 1"], "dims": dims})
    with pytest.raises(SettingsError, match="did you mean label 255"):
        planned(size=(512, 512), spacing=None, masks=masks, segmentation={"cells": ["label 25"]})


def test_thick_sagittal_slices_are_looked_at_in_their_own_plane() -> None:
    size, spacing = Extent(*[(20, 256, 256)] * 3), Extent(*[(5.0, 0.9, 0.9)] * 3)
    masks = replace(MASKS, plane="sagittal", size=size, spacing_mm=spacing)
    plan = planned(size=(256, 256, 20), spacing=(0.9, 0.9, 5.0), masks=masks)  # as the file stores them
    assert (plan.plane, plan.dims, plan.patch) == ("sagittal", 2, (256, 256))


@pytest.mark.parametrize("name", ["unet2d", "resenc2d", "unet3d"])
def test_what_depends_on_the_number_of_kernels_follows_those_that_were_asked_for(name: str) -> None:
    for kernels in ([8, 16], [8, 16, 32], [4, 8, 16, 32, 64]):
        plan = planned(network={"name": name, "options": {"kernels": kernels}})
        assert plan.network.options["kernels"] == kernels
        assert step_seconds(plan, 2, 512) > 0  # it can be built


def test_a_plan_comes_back_from_json() -> None:
    plan = planned(spacing=(8.0, 1.4, 1.4), other=1.5)
    assert to_plain(from_plain(SegmentationPlan, to_plain(plan), "the plan")) == to_plain(plan)


def test_one_mask_holds_a_cascade_and_not_other_regions() -> None:
    liver, lesion = (1, 2), (2,)
    assert planned(structures={"liver": liver, "lesion": lesion}).mask_labels is None
    cascade = planned(structures={"lesion": lesion, "liver": liver}, segmentation={"within": "liver"})
    assert list((cascade.mask_labels or {}).items()) == [("liver", 1), ("lesion", 2)]
    assert planned(structures={"liver": (2,), "lesion": lesion}, segmentation={"within": "liver"}).mask_labels is None
    assert planned(structures={"a": (3,), "b": (4, 5)}).mask_labels == {"a": 3, "b": 4}
