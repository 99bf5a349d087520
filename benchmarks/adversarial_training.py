"""What training against attacks gains under attack and costs without: one plan, three ways, several seeds.

    python benchmarks/adversarial_training.py STUDY_OR_NPZ [--budget 4] [--seeds 3] [--minutes 10] [--out FOLDER]
        [--epochs N] [--most 500] [--set NAME=VALUE ...] [--in-noise]

STUDY_OR_NPZ is a study of `radcnn new`, which gets further runs, or data that one is made of in FOLDER. The plan is
proposed once, for training without attacks, and all three ways train exactly it: the same epochs, so that attacks take
2.7 (fgsm) and 4.3 (pgd) times as long. Each run is attacked by `radcnn stress` with PGD of 20 steps on the tuning cases
(with --open-test on the test cases, which the ledger counts), at half of the budget, at it and at twice of it.

Printed, and written to FOLDER/adversarial_training.json: accuracy of each run with its interval by patient, mean and
standard deviation over the seeds, and the difference to training without attacks, seed by seed, with the interval of
their mean (Student's t over seeds: three seeds make it wide).
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

import radcnn
from radcnn.core.estimate import Estimate
from radcnn.core.plain_yaml import plain_yaml
from radcnn.core.settings import merged, nested
from radcnn.plan.adversarial import Adversarial
from radcnn.plan.settings import Plan
from radcnn.plan.stored import save_plan
from radcnn.study.folder import find_study
from radcnn.study.listener import Silence
from radcnn.study.open_study import open_study
from radcnn.study.options import for_run

WAYS = ("standard", "fgsm", "pgd")
Found = dict[str, dict[float, list[Estimate]]]  # way -> budget -> accuracy by seed


class Said(Silence):
    """Prints what is said, none of the progress."""

    def say(self, sentence: str) -> None:
        print(sentence, flush=True)


def main() -> None:
    """Train and attack every way with every seed; print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("data", type=Path)
    asked.add_argument("--out", type=Path, default=Path("adversarial-training"))
    asked.add_argument("--budget", type=float, default=4.0)
    asked.add_argument("--in-noise", action="store_true")
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--minutes", type=float, default=10.0)
    asked.add_argument("--epochs", type=int, default=0, help="in the place of what the minutes suffice for")
    asked.add_argument("--most", type=int, default=500)
    asked.add_argument("--open-test", action="store_true")
    asked.add_argument("--set", action="append", default=[], dest="changes", metavar="NAME=VALUE")
    said = asked.parse_args()
    study = said.data
    if study.suffix == ".npz" or not (study.name == "study.yaml" or (study / "study.yaml").is_file()):
        study = said.out / "study"
        if not study.is_dir():
            radcnn.new(said.data, out=study, minutes=said.minutes)
    plan = one_plan(study, said)
    found: Found = {way: {} for way in WAYS}
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    said.out.mkdir(parents=True, exist_ok=True)
    for seed in range(said.seeds):
        for way in WAYS:
            attacks = None if way == "standard" else Adversarial(way, said.budget, said.in_noise)  # type: ignore[arg-type]
            mine = replace(plan, seed=seed, training=replace(plan.training, adversarial=attacks))
            file = said.out / f"{way}-{seed}.json"
            save_plan(mine, file)
            began = time.monotonic()
            run = radcnn.train(study, plan=file, listener=Said())
            seconds[way].append(time.monotonic() - began)
            for budget, accuracy in attacked(run, said).items():
                found[way].setdefault(budget, []).append(accuracy)
            print(f"{way}, seed {seed}: {seconds[way][-1]:.0f} s of training", flush=True)
            write(found, seconds, said.out / "adversarial_training.json")
    show(found, seconds, said)


def one_plan(study: Path, said: argparse.Namespace) -> Plan:
    """The plan that all ways train: what the study proposes, one network in float32."""
    opened = open_study(find_study(study))
    options: dict[str, Any] = {"training": {"members": 1, "precision": "float32"}, "minutes": said.minutes}
    if said.epochs:
        options["training"]["epochs"] = said.epochs
    for change in said.changes:
        name, _, value = change.partition("=")
        options = merged(options, nested(name, plain_yaml(value, change)))
    return opened.propose(for_run(opened.settings, options))


def attacked(run: Path, said: argparse.Namespace) -> dict[float, Estimate]:
    """Accuracy of a run without attack and at each budget of PGD."""
    made = radcnn.stress(
        run, parts="attacks", attack=["pgd"], budget=[said.budget / 2, said.budget, 2 * said.budget],
        in_noise=said.in_noise, most=said.most, open_test=said.open_test, reason="adversarial training",
        listener=Said(),
    )  # fmt: skip
    (curve,) = made.parts["attacks"].curves  # type: ignore[attr-defined]
    return {point.budget: point.accuracy for point in curve.points}


def gained(ours: list[Estimate], standard: list[Estimate]) -> tuple[float, float, float]:
    """The mean difference over seeds and the ends of its 95 % interval, by Student's t; NaN for one seed."""
    apart = np.array([a.value - b.value for a, b in zip(ours, standard, strict=True)])
    if len(apart) < 2:
        return float(apart.mean()), float("nan"), float("nan")
    reach = stats.t.ppf(0.975, len(apart) - 1) * apart.std(ddof=1) / np.sqrt(len(apart))
    return float(apart.mean()), float(apart.mean() - reach), float(apart.mean() + reach)


def spread(found: list[Estimate]) -> str:
    """Mean and standard deviation over the seeds."""
    values = np.array([one.value for one in found])
    return f"{values.mean():.3f} ± {values.std(ddof=1) if len(values) > 1 else float('nan'):.3f}"


def show(found: Found, seconds: dict[str, list[float]], said: argparse.Namespace) -> None:
    """The tables."""
    budgets = sorted(found["standard"])
    unit = "noise sds" if said.in_noise else "units of the images"
    print(f"\naccuracy under PGD of 20 steps, budgets in {unit}; mean ± sd of {said.seeds} seeds")
    print(f"{'':<12}" + "".join(f"{f'{budget:g}':>18}" for budget in budgets) + f"{'s of training':>16}")
    for way in WAYS:
        cells = "".join(f"{spread(found[way][budget]):>18}" for budget in budgets)
        print(f"{way:<12}{cells}{np.mean(seconds[way]):>16.0f}")
    print("\ngained over training without attacks, by seed: mean (95 % interval of it)")
    for way in WAYS[1:]:
        cells = [gained(found[way][budget], found["standard"][budget]) for budget in budgets]
        print(f"{way:<12}" + "".join(f"{f'{m:+.3f} ({a:+.3f} to {b:+.3f})':>28}" for m, a, b in cells))
    print("\neach run, with its interval by patient")
    for way in WAYS:
        for seed in range(said.seeds):
            print(f"{way:<9} {seed}: " + "; ".join(f"{budget:g}: {found[way][budget][seed]}" for budget in budgets))


def write(found: Found, seconds: dict[str, list[float]], file: Path) -> None:
    """Everything so far as JSON."""
    plain = {way: {f"{b:g}": [one.as_json() for one in seeds] for b, seeds in found[way].items()} for way in WAYS}
    file.write_text(json.dumps({"accuracy": plain, "seconds": seconds}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
