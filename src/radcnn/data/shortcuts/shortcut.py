"""Shortcuts: how well each family of features tells the label, with an interval by patient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.data.cohort import Cohort
from radcnn.data.shortcuts.families import FAMILIES, Family, Known, Traits, inside_features
from radcnn.data.shortcuts.features import Features
from radcnn.data.shortcuts.foretelling import folds_of, foretold, tells_most
from radcnn.data.shortcuts.questions import Question, questions
from radcnn.data.survey.look import Look
from radcnn.metrics.clustered import patient_codes
from radcnn.metrics.delong import delong_interval

LOUD = 0.8  # an AUC above which a family tells the label
MOST_CASES = 6000  # cases asked, over all questions: AUCs have an error of 0.01 then, and time stays bounded
LEAST_CASES = 1000  # of one question
MOST_QUESTIONS = 12
LEVEL = 0.95
SMALLEST = 24  # pixels of an axis whose 16 cells still hold something of a letter

NOTHING = {
    "site": "no site is given",
    "scanner": "no header says anything of a scanner",
    "columns": "no further columns are given",
    "bytes on disk": "no file is compressed, or all alike",
}


@dataclass(frozen=True)
class Shortcut:
    """How well a family of features tells the label without the patient.

    what            the features that tell most
    about           the class or label it tells; of several the one it tells best
    auc, low, high  out of fold, with the interval by patient; NaN where not applicable
    inside          the AUC of the image's inside, where the border was compared with it; NaN elsewhere
    not_applicable  why it was not asked, or ""
    """

    family: Family
    what: str = ""
    about: str = ""
    auc: float = math.nan
    low: float = math.nan
    high: float = math.nan
    cases: int = 0
    patients: int = 0
    inside: float = math.nan
    not_applicable: str = ""

    @property
    def loud(self) -> bool:
        """Whether it tells the label: AUC above 0.8, and the interval clear of chance."""
        return self.auc > LOUD and self.low > 0.5

    def as_json(self) -> dict[str, Any]:
        """A JSON object; NaN becomes null."""
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in asdict(self).items()
        }


def shortcuts(
    cohort: Cohort, looks: Sequence[Look], *, traits: Traits | None = None, seed: int
) -> tuple[Shortcut, ...]:
    """What each family of features tells of the label, in the order of FAMILIES.

    looks   of each case, as `survey` gives them
    traits  of the scanner, by case id; see `header_traits`

    Folds and intervals are by patient. Several classes or labels are asked one by one and the loudest is told, with
    an interval that counts how many were asked; a number to be predicted is asked whether it is above its median.
    """
    known = Known(cohort.cases, looks, traits or {})
    codes = patient_codes([case.patient for case in cohort.cases])
    asked = questions(cohort.target, cohort.targets(), codes)
    if isinstance(asked, str):
        return tuple(Shortcut(family, not_applicable=asked) for family in FAMILIES)
    asked = asked[:MOST_QUESTIONS]
    drawn = [_drawn(one, max(LEAST_CASES, MOST_CASES // len(asked)), seed) for one in asked]
    return tuple(_shortcut(family, known, drawn, seed) for family in FAMILIES)


def _drawn(question: Question, most: int, seed: int) -> Question:
    """The question to at most so many cases: whole patients, drawn."""
    if question.cases.size <= most:
        return question
    people = np.unique(question.patients)
    order = np.random.default_rng(seed).permutation(people.size)
    place = np.empty(people.size, np.intp)
    place[order] = np.arange(people.size)
    turn = place[np.searchsorted(people, question.patients)]
    last = np.sort(turn)[most - 1]
    kept: NDArray[np.bool_] = turn <= last
    return Question(question.words, question.cases[kept], question.yes[kept], question.patients[kept])


def _shortcut(family: Family, known: Known, asked: Sequence[Question], seed: int) -> Shortcut:
    if known.regions and family in ("border and corners", "marker"):
        return Shortcut(family, not_applicable="the cases are regions, and a network does not see the image's border")
    if family == "marker" and min(min(look.size[-2:]) for look in known.looks) < SMALLEST:
        return Shortcut(family, not_applicable=f"in images of fewer than {SMALLEST} pixels a letter is one of noise")
    features = FAMILIES[family](known)
    if not features.names:
        return Shortcut(family, not_applicable=_same(family, known))
    found = max((_answer(family, features, one, len(asked), seed) for one in asked), key=lambda one: one[0].auc)
    told, question = found
    if family == "border and corners" and told.loud:
        inside, _ = _answer(family, inside_features(known), question, 1, seed)
        told = replace(told, inside=inside.auc)
    return told


def _same(family: Family, known: Known) -> str:
    given = {
        "site": any(case.site for case in known.cases),
        "scanner": any(known.traits.values()),
        "columns": any(set(case.attributes) - {"site"} for case in known.cases),
        "bytes on disk": False,
    }
    return NOTHING[family] if not given.get(family, True) else f"it is the same in all {len(known.cases)} cases"


def _answer(family: Family, features: Features, question: Question, of: int, seed: int) -> tuple[Shortcut, Question]:
    """What the features tell of one of several questions."""
    own = features.rows(question.cases)
    people = int(np.unique(question.patients).size)
    made = Shortcut(family, about=question.words, cases=question.yes.size, patients=people)
    if not own.names:
        return replace(made, auc=0.5, low=0.5, high=0.5, what="the same in all cases"), question
    scores = foretold(own, question, folds_of(question, seed), seed)
    found = delong_interval(scores, question.yes, question.patients, level=1 - (1 - LEVEL) / of)
    told = replace(made, auc=found.value, low=found.low, high=found.high)
    return replace(told, what=tells_most(own, question)), question
