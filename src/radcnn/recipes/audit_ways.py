"""The families of networks and the ways of training that the adversarial audit compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from radcnn.plan.adversarial import Adversarial
from radcnn.plan.rules_training import stem_rule
from radcnn.plan.settings import NetworkPlan, Plan
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.erasing import RandomErasing
from radcnn.transforms.noise import Noise
from radcnn.transforms.spatial import Rotate, Scale, Translate
from radcnn.transforms.tones import Brightness, Contrast

TRAINED_AT = 0.5  # noise sds that the third way is trained against

Change = Callable[[Plan], Plan]


def _chain(_: Plan) -> NetworkPlan:
    return NetworkPlan("chain", {"kernels": [16, 32, 64], "norm": "batch"})


def _resnet(plan: Plan) -> NetworkPlan:
    return NetworkPlan("resnet18", {"stem": stem_rule(plan.preparation)[0], "base_width": 16})


def _densenet(plan: Plan) -> NetworkPlan:
    stem = "small" if stem_rule(plan.preparation)[0] == "small" else "imagenet"
    return NetworkPlan("densenet121", {"stem": stem, "growth_rate": 8, "initial_width": 16})


def _augmented(plan: Plan) -> Plan:
    return replace(plan, augmentation=stronger(plan.augmentation))


def _against_attacks(plan: Plan) -> Plan:
    return replace(plan, training=replace(plan.training, adversarial=Adversarial("pgd", TRAINED_AT, in_noise=True)))


FAMILIES: dict[str, Callable[[Plan], NetworkPlan]] = {"chain": _chain, "resnet18": _resnet, "densenet121": _densenet}
REGIMES: dict[str, Change] = {
    "standard": lambda plan: plan,
    "stronger augmentation": _augmented,
    "against attacks": _against_attacks,
}


def stronger(augmentation: Augmentation) -> Augmentation:
    """Random changes about twice as large, and noise in nearly every image.

    >>> stronger(Augmentation((Translate(fraction=0.08),))).transforms
    (Translate(fraction=0.16, whole_voxels=False, p=1.0), Noise(sd=0.1, p=0.8))
    """
    made = [_twice(one) for one in augmentation.transforms if not isinstance(one, Noise)]
    noise = max((one.sd for one in augmentation.transforms if isinstance(one, Noise)), default=0.05)
    return replace(augmentation, transforms=(*made, Noise(sd=2 * noise, p=0.8)))


def _twice(one: Any) -> Any:
    match one:
        case Rotate():
            return replace(one, degrees=min(180.0, 2 * one.degrees))
        case Translate():
            return replace(one, fraction=2 * one.fraction)
        case Scale() | Contrast():
            low, high = one.factor
            return replace(one, factor=(low**2, high**2))
        case Brightness():
            return replace(one, shift=2 * one.shift)
        case RandomErasing():
            return replace(one, p=min(1.0, 2 * one.p))
    return one
