"""The CLAIM checklist, 2024 update, with the items that radcnn can answer answered.

Tejani AS, Klontzas ME, Gatti AA, et al. Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 update.
Radiology: Artificial Intelligence 2024; 6(4): e240300. Items are named here in short; the paper has the full wording.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from radcnn.reports.numbers import clauses, several
from radcnn.reports.story import Story

NOT_KNOWN = "not known to radcnn"
Answer = Callable[[Story], tuple[str, str]]


@dataclass(frozen=True)
class ClaimItem:
    """One item: its number, what it asks for, the answer, and the section of the page it points to (or "")."""

    number: int
    asks: str
    answer: str
    section: str = ""

    @property
    def known(self) -> bool:
        """Whether radcnn has an answer."""
        return self.answer != NOT_KNOWN


def checklist(story: Story) -> tuple[ClaimItem, ...]:
    """All 44 items for this study."""
    return tuple(
        ClaimItem(number, asks, *(ANSWERS[number](story) if number in ANSWERS else (NOT_KNOWN, "")))
        for number, asks in ITEMS.items()
    )


ITEMS: dict[int, str] = {
    1: "Title or abstract names the AI technology",
    2: "Structured abstract",
    3: "Background, intended use and role of the AI",
    4: "Aims, objectives and hypotheses",
    5: "Prospective or retrospective",
    6: "Goal of the study",
    7: "Data sources",
    8: "Inclusion and exclusion criteria",
    9: "Preprocessing of the data",
    10: "Selection of data subsets",
    11: "De-identification",
    12: "Handling of missing data",
    13: "Image acquisition protocol",
    14: "How the reference standard was obtained",
    15: "Why this reference standard",
    16: "Source of the reference standard's annotations",
    17: "Annotation of the test set",
    18: "Variability between and within readers",
    19: "Assignment of data to partitions",
    20: "Level at which partitions are disjoint",
    21: "Intended sample size",
    22: "Description of the model",
    23: "Software, frameworks and packages",
    24: "Initialisation of the model's parameters",
    25: "Details of the training",
    26: "How the final model was selected",
    27: "Ensembling",
    28: "Metrics of performance",
    29: "Statistical significance and uncertainty",
    30: "Robustness or sensitivity analysis",
    31: "Explainability or interpretability",
    32: "Evaluation on internal data",
    33: "Testing on external data",
    34: "Registration of a clinical trial",
    35: "Patients or examinations included and excluded",
    36: "Demographic and clinical characteristics per partition",
    37: "Performance and its uncertainty",
    38: "Diagnostic performance and its precision",
    39: "Analysis of failures",
    40: "Limitations",
    41: "Implications for practice",
    42: "Full protocol or further technical details",
    43: "Availability of software, model and data",
    44: "Funding and the role of funders",
}


def _technology(story: Story) -> tuple[str, str]:
    return f"convolutional neural network (deep learning): {story.task}", "summary"


def _source(story: Story) -> tuple[str, str]:
    return f"{story.data}" + (" (simulated)" if story.synthetic else "") + "; origin of the patients not known", "cases"


def _left_out(story: Story) -> tuple[str, str]:
    reasons = [f"{out.cases:,}: {out.reason}" for out in story.flow.left_out]
    return ("cases left out by radcnn: " + "; ".join(reasons) if reasons else "radcnn left no case out"), "cases"


def _subset(story: Story) -> tuple[str, str]:
    regions = "the region of each case that the network sees, in the plan"
    return (regions if story.regions else "whole images, brought to one size as the plan says"), "plan"


def _deidentified(story: Story) -> tuple[str, str]:
    if story.synthetic:
        return "simulated patients only", "cases"
    return (
        "this report names no patient; burnt-in text was not looked for",
        "cases",
    )


def _missing(story: Story) -> tuple[str, str]:
    judged = [f"{judgement.unlabelled:,} on {side}" for side, judgement in story.judged]
    return f"cases without label are not judged ({clauses(judged)})" if judged else NOT_KNOWN, "results"


def _assigned(story: Story) -> tuple[str, str]:
    return story.split_rule, "split"


def _disjoint(story: Story) -> tuple[str, str]:
    return ("patient" if story.unit == "patient" else "image: patients may be on two sides"), "split"


def _ensemble(story: Story) -> tuple[str, str]:
    count = len({row.member for row in story.history})
    return (f"mean of {count} networks" if count > 1 else "none: a single network"), "training"


def _sample(story: Story) -> tuple[str, str]:
    sides = [f"{side.name} {several(side.cases, 'case')}" for side in story.flow.sides]
    return f"no size was planned; used: {', '.join(sides)}" if sides else NOT_KNOWN, "split"


def _internal(story: Story) -> tuple[str, str]:
    return ("internal test" if story.test else "tuning set only" if story.tuning else "not done"), "results"


def _external(story: Story) -> tuple[str, str]:
    return ("done" if story.external else "not done"), "results"


def _diagnostic(story: Story) -> tuple[str, str]:
    if any(judgement.questions for _, judgement in story.judged):
        return "ROC, calibration, and every operating point with intervals", "questions"
    return "limits of agreement" if story.judged else "not done", "results"


def _groups(story: Story) -> tuple[str, str]:
    columns = sorted({row.column for _, judgement in story.judged for row in judgement.subgroups})
    if columns:
        return f"class counts per partition; performance per {clauses(columns)}; no table of patients", "subgroups"
    return "class counts per partition only", "cases"


def _failures(story: Story) -> tuple[str, str]:
    return (f"{several(len(story.worst), 'picture')} of wrong cases" if story.worst else "not done"), "worst"


def _judged(answer: str) -> Answer:
    """An answer that holds once something was evaluated."""
    return lambda story: (answer, "results") if story.judged else ("not done yet", "results")


def _fixed(answer: str, section: str = "") -> Answer:
    return lambda _: (answer, section)


ANSWERS: dict[int, Answer] = {
    1: _technology,
    6: _fixed("development and evaluation of a network", "summary"),
    7: _source,
    8: _left_out,
    9: _fixed("every step with its reason", "plan"),
    10: _subset,
    11: _deidentified,
    12: _missing,
    19: _assigned,
    20: _disjoint,
    21: _sample,
    22: _fixed("all layers with shapes and counts", "network"),
    23: _fixed("versions in the environment", "reproduce"),
    24: _fixed("seeds, and the network's options in the plan", "reproduce"),
    25: _fixed("plan with reasons, curves and verdict", "training"),
    26: _fixed("the epoch that is kept, in the plan; chosen without the test set", "plan"),
    27: _ensemble,
    28: _judged("figures and what they say"),
    29: _judged("an interval and n with every figure; methods under each table"),
    32: _internal,
    33: _external,
    35: _fixed("flow of cases", "cases"),
    36: _groups,
    37: _judged("all figures, the judged sides beside each other"),
    38: _diagnostic,
    39: _failures,
    40: _fixed("limits of use as far as radcnn knows them", "limits"),
    42: _fixed("the whole plan as JSON, and the commands", "reproduce"),
    43: _fixed("radcnn is free software (Apache-2.0); model and data: not known to radcnn", "reproduce"),
}
