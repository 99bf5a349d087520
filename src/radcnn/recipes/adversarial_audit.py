"""How strong must an attack be, in units of the noise that an image has anyway, to halve a network's accuracy?

The review: "the impact of adversarial examples in the medical domain is unknown". On every study, each family of
networks is trained three ways with one plan: as usual, with stronger random changes, and against attacks. Each is then
attacked by PGD of 20 steps and two starts on its tuning cases; nothing is chosen among them, and no test set is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radcnn.attacks.answers import bounds
from radcnn.core.chance import torch_generator
from radcnn.core.cores import available_cores
from radcnn.core.errors import InputError, SettingsError
from radcnn.core.estimate import Estimate
from radcnn.core.files import refuse_used, write_text
from radcnn.core.version import __version__
from radcnn.metrics.noise_level import noise_sd
from radcnn.metrics.proportions import proportion
from radcnn.plan.cost import cost_of
from radcnn.plan.settings import Plan
from radcnn.plan.stored import save_plan
from radcnn.recipes.audit_ways import FAMILIES, REGIMES
from radcnn.recipes.audit_words import SAYS, SAYS_NOT, protocol
from radcnn.recipes.audited_studies import Audited, nodules, real_studies
from radcnn.recipes.recipe import Reproduced, Table, keep, new_folder
from radcnn.reports.auditing import AuditPage, audit_page, halving_figure
from radcnn.robustness.curves import Curve
from radcnn.robustness.tabled import figures_csv
from radcnn.study.begin import new
from radcnn.study.folder import find_study
from radcnn.study.listener import SILENCE, Listener
from radcnn.study.looking import look_into
from radcnn.study.open_study import OpenStudy, open_study
from radcnn.study.options import for_run
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.budgeted import Goal, budgeted
from radcnn.study.stressing.tested import UnderTest, under_test
from radcnn.study.training import begin_training
from radcnn.tasks import planned_task

TITLE = "attacks in units of the noise: what halves the accuracy of networks, trained in three ways"
BUDGETS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # noise sds
PATIENTS, FEWEST = 64, 24  # that are simulated
LEARNING = 0.6  # share of the minutes that is trained in; attacks have the rest
LEAST_CASES, MOST_CASES = 24, 500  # that are attacked
STARTS, STEPS = 2, 20  # of PGD, as `radcnn stress` makes it
FEWEST_MINUTES = 0.01  # of one training
LOOKED_AT = 50  # images whose noise is measured before anything is trained


@dataclass(frozen=True)
class Cell:
    """One network trained one way on one study.

    curve        under attack
    by_chance    accuracy where each voxel went up or down by one noise sd at random
    noise, unit  the median noise sd of its images, in their unit
    """

    study: str
    family: str
    regime: str
    curve: Curve
    by_chance: Estimate
    noise: float | None
    unit: str
    simulated: bool

    @property
    def figures(self) -> dict[str, Estimate]:
        """Accuracy without attack, at two budgets and by chance, and the budget that halves it."""
        at = {point.budget: point.accuracy for point in self.curve.points}
        return {
            "accuracy": at[0.0],
            "at 0.1 noise sd": at[0.1],
            "at 1 noise sd": at[1.0],
            "1 noise sd by chance": self.by_chance,
            "halved at (noise sds)": self.curve.halving,
        }


def adversarial_audit(
    out: Path | str, *, minutes: float = 120.0, data: Path | str | None = None, images: int = PATIENTS, seed: int = 0,
    listener: Listener = SILENCE,
) -> Reproduced:  # fmt: skip
    """The budget of PGD, in noise sds of each image, that halves accuracy, by study, family and way of training.

    out      a new folder: the studies with their runs, audit.csv, curves.csv, audit.png, report.html, result.json
    minutes  of all trainings and attacks together
    data     a folder of real studies: npz files in MedMNIST's form, folders with a study.yaml
    images   patients of the simulated study

    Raises SettingsError for numbers that do not fit, InputError where there is nothing to audit.
    """
    if images < FEWEST:
        raise SettingsError(f"images must be at least {FEWEST} patients, got {images}")
    if not minutes > 0:
        raise SettingsError(f"minutes must be positive, got {minutes:g}")
    refuse_used(Path(out))
    real = real_studies(Path(data)) if data is not None else ()
    folder = new_folder(Path(out))
    sources = (nodules(folder / "simulated-ct", patients=images, seed=seed, listener=listener), *real)
    studies, notes = _begun(sources, folder, listener)
    share = minutes / (len(studies) * len(FAMILIES))
    cells: list[Cell] = []
    for source, study in studies:
        for family in FAMILIES:
            cells += _of_family(source, study, family, share, seed, folder, listener)
            _write_tables(cells, folder)
    made = _reproduced(cells, minutes, notes)
    keep(made, folder)
    _write_page(made, cells, folder)
    return made


def _begun(
    sources: Sequence[Audited], folder: Path, listener: Listener
) -> tuple[list[tuple[Audited, Path]], tuple[str, ...]]:
    """A study of each source whose answers can be turned and whose images have noise; sentences on the others."""
    studies, notes = [], []
    for source in sources:
        listener.say(f"making a study of {source.name}")
        place = folder / "studies" / source.name.replace(" ", "-")
        study = new(source.data, out=place, listener=listener, **source.options)
        if why := _unsuited(open_study(find_study(study)), listener):
            notes.append(f"{source.name} was left out: {why}.")
            listener.say(notes[-1])
        else:
            studies.append((source, study))
    if not studies:
        raise InputError(f"there is nothing to audit: {' '.join(notes)}")
    return studies, tuple(notes)


def _unsuited(opened: OpenStudy, listener: Listener) -> str:
    """Why a study cannot be audited; empty where it can."""
    if opened.settings.makes != "labels" or opened.cohort.target.kind == "regression":
        return "it has no classes, whose answers could be turned"
    rows = opened.rows("tuning")
    if not len(rows):
        return "it has no tuning cases"
    images = opened.prepared(rows[:LOOKED_AT], opened.propose().preparation, listener)
    noises = np.array([noise_sd(images[k]) for k in range(len(images))])
    if not (np.isfinite(noises) & (noises > 0)).any():
        return "no noise was seen in its images, so that no budget can be in units of it"
    return ""


def _of_family(
    source: Audited, study: Path, family: str, minutes: float, seed: int, folder: Path, listener: Listener
) -> list[Cell]:
    """A family of networks on a study, trained every way for the same epochs, within the minutes, and attacked."""
    plan = _planned(open_study(find_study(study)), family, LEARNING * minutes, seed)
    most = _cases(plan, (1 - LEARNING) * minutes / len(REGIMES))
    cells, asked = [], Asked(("attacks",), budgets=BUDGETS, in_noise=True, seed=seed)
    for regime, change in REGIMES.items():
        file = folder / "plans" / f"{study.name}-{family}-{regime}.json".replace(" ", "-")
        file.parent.mkdir(exist_ok=True)
        save_plan(change(plan), file)
        listener.say(f"{source.name}: {family}, {regime}")
        run = begin_training(study, plan=file, workers=1, listener=listener, options={}, in_spite=True)
        test = under_test(look_into(run, reason="audit", listener=listener), listener, most=most, seed=seed)
        curve, _ = budgeted("pgd", _goal(test), asked, listener)
        chance = _by_chance(test, seed)
        noise, unit = test.median_noise, test.unit
        cells.append(Cell(source.name, family, regime, curve, chance, noise, unit, source.simulated))
    return cells


def _planned(opened: OpenStudy, family: str, minutes: float, seed: int) -> Plan:
    """One network in float32, with as many epochs as let all ways of training end within the minutes."""
    asked: dict[str, Any] = {"seed": seed, "training": {"members": 1, "precision": "float32"}}
    first = opened.propose(for_run(opened.settings, asked))
    attacks = [change(first).training.adversarial for change in REGIMES.values()]
    costs = sum(1.0 if one is None else one.costs for one in attacks)
    network = FAMILIES[family](first)
    asked["network"] = {"name": network.name, "options": dict(network.options)}
    asked["minutes"] = max(FEWEST_MINUTES, minutes / costs)
    return opened.propose(for_run(opened.settings, asked))


def _cases(plan: Plan, minutes: float) -> int:
    """How many cases can be attacked in the minutes even if all of them hold at every budget."""
    cost = cost_of(plan.network, plan.preparation, planned_task(plan.target, plan.task).outputs)
    looks = len(BUDGETS) * STARTS * (STEPS + 1) * 2  # forward, and backward to the image
    each = looks * cost.prediction_seconds(1, available_cores())
    return max(LEAST_CASES, min(MOST_CASES, int(60 * minutes / max(each, 1e-9))))


def _by_chance(test: UnderTest, seed: int) -> Estimate:
    """Accuracy where each voxel goes up or down by one noise sd at random: as large a change that nobody aimed."""
    least, most = bounds(test.images, test.noise, test.low, test.high)
    ups = torch.rand(test.images.shape, generator=torch_generator(seed, "audit", "by chance")) < 0.5
    right = test.answers.right(test.logits(torch.where(ups, most, least)), test.labels)
    return proportion(right.numpy(), test.patients)


def _goal(test: UnderTest) -> Goal:
    return Goal(test, test.logits(test.images), None, "", test.noise)


def _write_tables(cells: Sequence[Cell], folder: Path) -> None:
    """audit.csv and curves.csv, as far as they go."""
    head = ("study", "family", "training")
    rows = [((c.study, c.family, c.regime), name, figure) for c in cells for name, figure in c.figures.items()]
    write_text(folder / "audit.csv", figures_csv(head, rows))
    points = [
        ((c.study, c.family, c.regime, f"{p.budget:g}"), name, figure)
        for c in cells
        for p in c.curve.points
        for name, figure in (("accuracy", p.accuracy), ("turned", p.success))
    ]
    write_text(folder / "curves.csv", figures_csv((*head, "budget in noise sds"), points))


def _reproduced(cells: Sequence[Cell], minutes: float, notes: Sequence[str]) -> Reproduced:
    tables: dict[str, dict[str, dict[str, Estimate]]] = {}
    for cell in cells:
        named = cell.study if cell.simulated else f"real: {cell.study}"
        tables.setdefault(named, {})[f"{cell.family}, {cell.regime}"] = cell.figures
    (first, table), *others = tables.items()
    said = protocol(minutes=minutes, steps=STEPS, starts=STARTS, most_cases=MOST_CASES, budgets=BUDGETS)
    return Reproduced(
        "adversarial-audit", TITLE, (f"the first table is of {first}", *said), table, more=dict(others),
        notes=(*_noises(cells), *notes, SAYS, SAYS_NOT), synthetic=any(cell.simulated for cell in cells),
    )  # fmt: skip


def _noises(cells: Sequence[Cell]) -> tuple[str, ...]:
    """What a noise sd is in each study."""
    found = {cell.study: f"{cell.noise:.3g} {cell.unit}" for cell in cells if cell.noise is not None}
    return tuple(f"one noise sd of {study} is {size} (median of its images)" for study, size in found.items())


def _write_page(made: Reproduced, cells: Sequence[Cell], folder: Path) -> None:
    """report.html and audit.png."""
    rows: dict[str, list[tuple[str, str, Estimate]]] = {}
    for cell in cells:
        rows.setdefault(cell.study, []).append((cell.family, cell.regime, cell.curve.halving))
    drawn, png = halving_figure(rows, most=BUDGETS[-1])
    (folder / "audit.png").write_bytes(png)
    tables: Mapping[str, Table] = {cells[0].study: made.table, **made.more}
    page = AuditPage(
        title=f"Adversarial audit: {TITLE}", version=__version__, says=(SAYS, SAYS_NOT), protocol=made.protocol,
        notes=made.notes[:-2], tables=tables, drawing=drawn,
    )  # fmt: skip
    write_text(folder / "report.html", audit_page(page, synthetic=made.synthetic))
