"""Whole stories for the tests of the report, judged by the real evaluation on simulated predictions."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from radcnn.core.chance import generator
from radcnn.core.prediction import Predictions
from radcnn.core.target import Kind, Target
from radcnn.evaluation.judgement import Judgement
from radcnn.evaluation.panels import PANELS
from radcnn.evaluation.questions import asked
from radcnn.evaluation.settings import EvaluationSettings
from radcnn.metrics.operating import OperatingPoint, choose_threshold
from radcnn.plan.settings import Reason
from radcnn.reports.epochs import EpochRow
from radcnn.reports.story import (
    ClassCount,
    FindingLine,
    Flow,
    LeftOut,
    Opening,
    PicturedCase,
    SideCount,
    Story,
    Verdict,
)

RULES = ("youden", "sensitivity>=0.95", "threshold=0.5")
TARGETS: dict[Kind, Target] = {
    "binary": Target("binary", ("malignant",), ("benign", "malignant")),
    "multiclass": Target("multiclass", ("organ",), ("liver", "spleen", "left kidney")),
    "multilabel": Target("multilabel", ("effusion", "nodule"), ("absent", "present")),
    "regression": Target("regression", ("bone age",)),
}
Make = Callable[..., Story]


def predictions(kind: Kind, n: int, seed: int, per_patient: int = 2) -> Predictions:
    """Scores that know a good deal about the truth."""
    dice, target = generator(seed, "report", kind), TARGETS[kind]
    patient = np.arange(n) // per_patient
    if kind == "regression":
        truth = dice.normal(120, 40, (n, 1))
        scores = truth + dice.normal(3, 12, (n, 1))
    elif kind == "multiclass":
        truth = dice.integers(0, 3, (n, 1)).astype(float)
        logits = dice.normal(0, 1, (n, 3)) + 2 * (truth == np.arange(3))
        scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    else:
        columns = len(target.names)
        truth = (dice.random((n, columns)) < np.linspace(0.4, 0.15, columns)).astype(float)
        scores = 1 / (1 + np.exp(-(dice.normal(0, 1.3, truth.shape) + 3 * truth - 1.5)))
    attributes = {
        "site": [("north", "south")[p % 2] for p in patient],
        "scanner": [("A", "B", "B", "C" if p == 3 else "A")[p % 4] for p in patient],
    }
    cases = tuple(f"secret-case-{i}" for i in range(n))
    return Predictions(target, cases, tuple(f"secret-{p}" for p in patient), scores, truth, attributes)


@cache
def judged(kind: Kind, n_tuning: int = 160, n_test: int = 240, resamples: int = 200) -> tuple[Judgement, Judgement]:
    """Judgements of the tuning and the internal test set, with operating points chosen on tuning."""
    tuning, test = predictions(kind, n_tuning, 1), predictions(kind, n_test, 2)
    points: tuple[OperatingPoint, ...] = tuple(
        choose_threshold(q.scores, q.truth, rule=rule, chosen_on="tuning", question=q.name)
        for q in asked(tuning)
        for rule in (RULES if kind == "binary" else RULES[:1])
    )
    settings = EvaluationSettings(
        resamples=resamples, prevalences=(0.01,), subgroups=("site", "scanner"), side="tuning", unit="patient"
    )
    return (
        PANELS[kind](tuning, settings, points),
        PANELS[kind](test, replace(settings, side="test"), points),
    )


def png(size: int, seed: int) -> bytes:
    """A smooth grey picture."""
    dice = generator(seed, "picture")
    grid = np.linspace(-1, 1, size)
    x, y = dice.uniform(-0.4, 0.4, 2)
    shape = np.exp(-(((grid - x)[:, None] ** 2 + (grid - y)[None] ** 2) * 6)) * 160 + dice.normal(60, 14, (size, size))
    written = io.BytesIO()
    Image.fromarray(shape.clip(0, 255).astype(np.uint8)).save(written, "PNG")
    return written.getvalue()


def history(members: int, epochs: int = 24) -> tuple[EpochRow, ...]:
    """Curves that level off."""
    dice = generator(5, "history")
    rows = []
    for member in range(1, members + 1):
        for epoch in range(1, epochs + 1):
            fall = float(np.exp(-epoch / 6))
            noise = dice.normal(0, 0.01, 2)
            rows.append(
                EpochRow(
                    member,
                    epoch,
                    4.2,
                    1e-3 * (1 - epoch / (epochs + 1)),
                    0.12 + 0.55 * fall + noise[0],
                    0.24 + 0.43 * fall + noise[1],
                    0.95 - 0.4 * fall + noise[0],
                    0.98 - 0.4 * fall + noise[1],
                )
            )
    return tuple(rows)


def classes(judgement: Judgement) -> tuple[ClassCount, ...]:
    if judgement.confusion is not None:
        return tuple(
            ClassCount(c, sum(r), judgement.n)
            for c, r in zip(judgement.confusion.classes, judgement.confusion.counts, strict=True)
        )
    if judgement.target.kind == "binary":
        question = judgement.questions[0]
        counts = {question.negative: question.n - question.positives, question.positive: question.positives}
        return tuple(ClassCount(name, count, question.n) for name, count in counts.items())
    return ()


def whole_story(kind: Kind = "binary", *, pictures: int = 20, size: int = 96) -> Story:
    """A full story, as a study would tell it."""
    tuning, test = judged(kind)
    what = {"binary": "malignant", "multiclass": "organ", "multilabel": "findings", "regression": "bone age"}[kind]
    worst = (test.worst * pictures)[:pictures]
    return Story(
        title=f"Chest study: {what}",
        task=f"Predict {what} ({kind}) from one axial CT patch of 40 mm.",
        data="nodules/labels.csv and 4 DICOM series",
        created="2026-11-23",
        version="0.1.0",
        synthetic=kind == "binary",
        certificate="best single feature: volume, AUC 0.712 (0.650 to 0.774, n=240)" if kind == "binary" else "",
        flow=Flow(
            1012,
            505,
            (LeftOut("no label", 9), LeftOut("image of another size", 3)),
            (
                SideCount("training", 600, 300, classes(test)),
                SideCount("tuning", tuning.n, tuning.patients, classes(tuning)),
                SideCount("internal test", test.n, test.patients, classes(test)),
            ),
        ),
        findings=(
            FindingLine("RC005", "info", "The patient was read from the path.", ""),
            FindingLine("RC013", "warning", "4 images are identical.", "look at cases 12, 40, 77 and 81"),
        ),
        split_rule="By patient, stratified by target: 60 % training, 15 % tuning, 25 % internal test (seed 7).",
        split_hash="9f2c" * 16,
        openings=(Opening("2026-11-22T10:01:00Z", "first evaluation", "ab12" * 16, "nodules-1"),),
        reasons=(
            Reason("network", "resnet18", "Fewer than 5,000 cases of 28 pixels: a small network with a small stem."),
            Reason("epochs", "24", "What fits into 10 minutes on this machine.", "option"),
            Reason("window", "-1000 to 400 HU", "Lung window of the nodule literature.", "study"),
        ),
        plan='{\n "network": {"name": "resnet18"},\n "seed": 7\n}',
        card="layer    kind    output\nconv1    conv    64 x 28 x 28\n" * 8,
        figure="AUC",
        history=history(2 if kind == "binary" else 1),
        verdict=Verdict(
            "fitted",
            "the tuning loss levelled off and did not rise again",
            ("data augmentation", "weight decay"),
            ("dropout", "more training data"),
        ),
        tuning=tuning,
        test=test,
        worst=tuple(
            PicturedCase(
                100 + i, png(size, i), case.truth, case.predicted, case.score, f"wrong by {case.wrongness:.2f}"
            )
            for i, case in enumerate(worst)
        ),
        hashes={"model": "ab" * 32, "plan": "cd" * 32, "split": "9f2c" * 16},
        environment={"python": "3.12.4", "torch": "2.13.0", "processor": "x86_64, 2 cores"},
        seeds={"split": 7, "weights": 7},
        commands=("radcnn train study.yaml", "radcnn evaluate runs/nodules-1 --open-test"),
        limits=("Trained on one scanner only.",),
    )


@pytest.fixture(scope="session")
def story() -> Make:
    """Make a full story of a kind of target."""
    return cache(whole_story)


@pytest.fixture
def png_with_text() -> bytes:
    """A PNG with a name in a text chunk."""
    written, info = io.BytesIO(), PngInfo()
    info.add_text("PatientName", "Jane Doe")
    Image.new("L", (8, 8), 90).save(written, "PNG", pnginfo=info)
    return written.getvalue()
