"""Conformal sets of classes of a run, and how often they hold the true class in each group."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from radcnn.core.chance import generator
from radcnn.core.errors import InputError
from radcnn.evaluation.groups import groups
from radcnn.evaluation.subgroups import enough
from radcnn.metrics.clustered import Floats, clustered_mean
from radcnn.metrics.conformal_sets import LEVEL, SetRule, Way, class_sets, set_rule
from radcnn.metrics.proportions import proportion
from radcnn.metrics.temperature import halves
from radcnn.robustness.answers import Answered
from radcnn.robustness.doubted import ClassSets, SetsOfGroup
from radcnn.study.looking import LookedInto
from radcnn.study.stressing.grouping import scanner_columns

WAYS: tuple[Way, ...] = ("LAC", "APS")


def sets_of_classes(looked: LookedInto, here: Answered, tuning: Answered, *, seed: int) -> tuple[ClassSets, ...]:
    """Sets made each way, with their coverage over all cases, by true class and by group.

    On the tuning side each half of the patients is judged by the threshold of the other half; on the test side by that
    of the tuning side. Raises InputError for several labels, or where patients are too few.
    """
    if here.target.kind == "multilabel":
        raise InputError("a set holds one answer of several, and several labels are answered one by one")
    labels = here.truth[:, 0].astype(np.intp)
    columns = {"class": [here.target.classes[k] for k in labels], **scanner_columns(looked)}
    made = []
    for way in WAYS:
        chance = generator(seed, "sets", way)
        if looked.side == "tuning":
            held = _by_halves(here, way, seed, chance)
            how = "each half of the tuning patients by the threshold of the other half"
        else:
            held = class_sets(by_class(here), _rule(tuning, way, chance), chance)
            how = "threshold of the tuning patients, judged on the internal test set"
        sizes = held.sum(axis=1)
        shares = tuple(float(np.mean(sizes == k)) for k in range(held.shape[1] + 1))
        hit = held[np.arange(len(labels)), labels]
        found = tuple(_groups(hit, sizes.astype(np.float64), here.patients, columns))
        made.append(ClassSets(way, LEVEL, how, shares, found))
    return tuple(made)


def by_class(here: Answered) -> Floats:
    """Probabilities (n, classes): of a yes/no question those of no and of yes."""
    if here.target.kind == "multiclass":
        return here.scores
    return np.concatenate([1 - here.scores, here.scores], axis=1)


def _rule(known: Answered, way: Way, chance: np.random.Generator) -> SetRule:
    found = set_rule(by_class(known), known.truth[:, 0].astype(np.intp), known.patients, way=way, chance=chance)
    if found is None:
        needed = round(LEVEL / (1 - LEVEL))
        raise InputError(
            f"sets of {100 * LEVEL:g} % need at least {needed} patients, on the tuning side in each half, got "
            f"{len(set(known.patients))}"
        )
    return found


def _by_halves(here: Answered, way: Way, seed: int, chance: np.random.Generator) -> NDArray[np.bool_]:
    one = halves(here.patients, seed=seed, strata=here.truth[:, 0])
    held = np.zeros((len(here.scores), by_class(here).shape[1]), bool)
    for half in (one, ~one):
        rule = _rule(here.only(~half), way, chance)
        held[half] = class_sets(by_class(here.only(half)), rule, chance)
    return held


def _groups(
    hit: NDArray[np.bool_], sizes: Floats, patients: tuple[str, ...], columns: dict[str, list[str]]
) -> Iterator[SetsOfGroup]:
    """All cases, then every group of every column that has several."""
    names = np.array(patients)
    yield SetsOfGroup("", "all cases", proportion(hit, names), clustered_mean(sizes, names))
    for column, words in columns.items():
        each = groups(words)
        for group, inside in each if len(each) > 1 else ():
            people, n = len(set(names[inside])), int(inside.sum())
            coverage = enough(proportion(hit[inside], names[inside]), people, n)
            yield SetsOfGroup(column, group, coverage, enough(clustered_mean(sizes[inside], names[inside]), people, n))
