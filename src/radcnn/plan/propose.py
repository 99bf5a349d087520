"""The data propose, rules decide, a person may overrule: fingerprint and budget become a whole plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.core.settings import changed, fields_to_plain, from_plain, merged
from radcnn.networks.build import bare
from radcnn.plan.adversarial import budget_unit
from radcnn.plan.cost import cost_of
from radcnn.plan.facts import Facts
from radcnn.plan.rules_images import (
    FITS,
    REGION_MM,
    SIDES_2D,
    SIDES_3D,
    augmentation_rule,
    channels_rule,
    intensity_rule,
    size_rule,
    within_rule,
)
from radcnn.plan.rules_training import (
    averaging_rule,
    batch_rule,
    folds_rule,
    largest_side,
    members_rule,
    network_rule,
    rate_rule,
)
from radcnn.plan.rules_usual import usual_rules
from radcnn.plan.settings import NetworkPlan, Plan, Reason, TrainingPlan
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.preparation import Preparation

T = TypeVar("T")


def propose(facts: Facts) -> Plan:
    """The plan for these facts; whatever was asked for takes the place of the rule's value, and says so.

    Raises SettingsError for an unknown setting ("did you mean") or a value that does not fit.
    """
    pair = f"{facts.task.last_layer} with {facts.task.loss}"
    reasons = [Reason("task", pair, facts.task_reason, "study" if facts.asked.get("task") else "rule")]
    preparation = _overruled(_preparation(facts, reasons), "preparation", facts, reasons)
    augmentation = _augmentation(facts, preparation, reasons)
    network = _network(facts, preparation, reasons)
    training = _training(facts, preparation, network, reasons)
    return Plan(
        target=facts.target,
        task=facts.task,
        preparation=preparation,
        augmentation=augmentation,
        network=network,
        training=training,
        seed=facts.seed,
        reasons=tuple(reasons),
    )


def _preparation(facts: Facts, reasons: list[Reason]) -> Preparation:
    found = facts.fingerprint
    dims: Any = found.rank
    intensity, intensity_reason = intensity_rule(facts)
    channels, channels_reason = channels_rule(facts)
    within, within_reasons = within_rule(facts)
    first = Preparation(dims=dims, size=(64,) * dims, channels=channels, intensity=intensity, within=within)
    side = largest_side(facts, SIDES_2D if dims == 2 else SIDES_3D, first)
    size, fit, size_reason = size_rule(facts, side)
    reasons += [
        size_reason,
        Reason("preparation.fit", fit, FITS[fit]),
        *within_reasons,
        channels_reason,
        intensity_reason,
    ]
    made = replace(first, size=size, fit=fit)  # type: ignore[arg-type]
    if found.regions:
        extent = facts.region_mm or REGION_MM
        sentence = "as asked" if facts.region_mm else "the smallest view of Kang 2017: a 30 mm lesion with its margin"
        source: Any = "study" if facts.region_mm else "rule"
        reasons.append(Reason("preparation.region_mm", f"{extent:g} mm", sentence, source))
        made = replace(made, region_mm=(extent,) * dims)
    return made


def _augmentation(facts: Facts, preparation: Preparation, reasons: list[Reason]) -> Augmentation:
    proposed, said = augmentation_rule(facts, preparation)
    asked = facts.asked.get("augmentation")
    if asked is None:
        reasons += said
        return proposed
    reasons.append(Reason("augmentation", "as in the study", "asked for", "study"))
    return Augmentation.from_json({**proposed.as_json(), **asked})


def _network(facts: Facts, preparation: Preparation, reasons: list[Reason]) -> NetworkPlan:
    asked = facts.asked.get("network")
    if asked is None:
        network, reason = network_rule(facts, preparation, _batch(facts, preparation))
        reasons.append(reason)
        return network
    sentence = "asked for"
    if "name" not in asked:
        asked = _with_proposed_name(facts, preparation, asked)
        sentence = "proposed, with the options that were asked for"
    network = from_plain(NetworkPlan, asked, "network")
    dims = preparation.dims
    bare(network.name, channels=preparation.channels, outputs=facts.outputs, dims=dims, options=network.options)
    reasons.append(Reason("network", network.name, sentence, "study"))
    return network


def _with_proposed_name(facts: Facts, preparation: Preparation, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options that were asked for without a network, put over those of the proposed one."""
    proposed, _ = network_rule(facts, preparation, _batch(facts, preparation))
    return merged(fields_to_plain(proposed), asked)


def _training(facts: Facts, preparation: Preparation, network: NetworkPlan, reasons: list[Reason]) -> TrainingPlan:
    asked = facts.asked.get("training", {})
    changed(TrainingPlan(epochs=1, batch=1), asked, "training")  # wrong values are refused before they are used
    cost = cost_of(network, preparation, facts.outputs)
    batch, batch_reason = batch_rule(facts, preparation)
    used = _batch(facts, preparation)
    folds, folds_reason = folds_rule(facts, cost, used)
    if "members" in asked:
        folds, folds_reason = 0, Reason("training.folds", "0", "members were asked for: they share one training side")
    folds = asked.get("folds", folds)
    decided = folds or asked.get("members", 0)
    members, epochs, budget_reasons = members_rule(facts, cost, decided, used, asked.get("epochs", 0))
    if folds:
        budget_reasons = tuple(reason for reason in budget_reasons if reason.setting != "training.members")
    rate, rate_reason = rate_rule(used)
    steps = epochs * -(-facts.training // used)
    averaging, averaging_reason = averaging_rule(steps)
    usual, usual_reasons = usual_rules()
    reasons += [folds_reason, *budget_reasons, batch_reason, rate_reason, averaging_reason, *usual_reasons]
    proposed = TrainingPlan(
        epochs=epochs,
        batch=batch,
        members=1 if folds else members,
        folds=folds,
        learning_rate=rate,
        averaging=averaging,
        **usual,
    )
    made = _overruled(proposed, "training", facts, reasons)
    _say_attacks(made, facts, reasons)
    _check_fit(made, facts, preparation, network)
    return made


def _say_attacks(training: TrainingPlan, facts: Facts, reasons: list[Reason]) -> None:
    """Where attacks are trained against: what they are in words, and what they cost."""
    attacks = training.adversarial
    if attacks is None:
        return
    words = attacks.words(budget_unit(facts.fingerprint.units))
    sentence = (
        f"asked for: a step costs {attacks.costs:.2g} times as much, which the minutes are planned for; answers become "
        "harder to turn within this budget, and those to images as they are may become worse"
    )
    reasons[:] = [
        replace(one, value=words, sentence=sentence) if one.setting == "training.adversarial" else one
        for one in reasons
    ]


def _check_fit(training: TrainingPlan, facts: Facts, preparation: Preparation, network: NetworkPlan) -> None:
    """Raises SettingsError where settings, each of which is allowed, do not go together."""
    for name in ("label_smoothing", "balance"):
        if getattr(training, name) and facts.target.kind == "regression":
            raise SettingsError(f"training.{name} needs classes, and a regression has none; leave it out")
    if training.batch == 1 and _normalises_batches(network, preparation, facts.outputs):
        raise SettingsError(
            f"training.batch must be at least 2 for {network.name} with batch normalisation, which compares the cases "
            "of a batch, got 1; take a larger batch, or network.options.norm=group"
        )


def _normalises_batches(network: NetworkPlan, preparation: Preparation, outputs: int) -> bool:
    channels, dims = preparation.channels, preparation.dims
    built, _, _ = bare(network.name, channels=channels, outputs=outputs, dims=dims, options=network.options)
    return any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in built.modules())


def _batch(facts: Facts, preparation: Preparation) -> int:
    """The batch that was asked for, or the rule's."""
    asked = facts.asked.get("training", {}).get("batch")
    return asked if isinstance(asked, int) and asked > 0 else batch_rule(facts, preparation)[0]


def _overruled(proposed: T, section: str, facts: Facts, reasons: list[Reason]) -> T:
    """The proposal with what was asked for; a reason that was overruled gives way to "asked for"."""
    asked: Mapping[str, Any] = facts.asked.get(section, {})
    if not asked:
        return proposed
    made = changed(proposed, asked, section)
    plain = fields_to_plain(made)
    names = {f"{section}.{name}" for name in asked}
    reasons[:] = [reason for reason in reasons if reason.setting not in names]
    reasons += [Reason(f"{section}.{name}", str(plain[name]), "asked for", "study") for name in asked]
    return made
