"""`radcnn stress`: what it takes to turn a network's answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radcnn.cli.console import Voice, next_step, one_sentence, show
from radcnn.cli.options import AsJson, Quiet

Run = Annotated[Path, typer.Argument(help="A run's folder, or a study (its newest run).", show_default=False)]


def stress(
    run: Run,
    parts: Annotated[
        str | None,
        typer.Option("--parts", help="attacks, borders, shifts, doubts: the default; detector.", show_default=False),
    ] = None,
    attack: Annotated[
        list[str] | None,
        typer.Option(
            "--attack",
            help="fgsm, pgd, square, universal, one-pixel, patch, l-bfgs or sinogram; several times.",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        list[float] | None,
        typer.Option(
            "--budget", help="How far a voxel may be changed: HU or grey levels; several times.", show_default=False
        ),
    ] = None,
    in_noise: Annotated[bool, typer.Option("--in-noise", help="Budgets are multiples of the noise sd.")] = False,
    towards: Annotated[
        str | None, typer.Option("--towards", help="The class every case is to be given.", show_default=False)
    ] = None,
    surrogate: Annotated[
        Path | None,
        typer.Option("--surrogate", help="Another run, on whose network PGD is made.", show_default=False),
    ] = None,
    pixels: Annotated[
        list[int] | None,
        typer.Option("--pixels", help="Changed by one-pixel; several times; 1, 3 and 5.", show_default=False),
    ] = None,
    generations: Annotated[int, typer.Option("--generations", help="Of the search of one-pixel.")] = 100,
    area: Annotated[
        list[float] | None,
        typer.Option("--area", help="Share of the image a patch covers; several times.", show_default=False),
    ] = None,
    raw_budget: Annotated[
        list[float] | None,
        typer.Option("--raw-budget", help="Of sinogram: noise sds of each ray; several times.", show_default=False),
    ] = None,
    photons: Annotated[float, typer.Option("--photons", help="Per ray: the dose of sinogram's noise.")] = 1e5,
    border: Annotated[
        list[int] | None,
        typer.Option("--border", help="Pixels of the frame that is swapped; several times.", show_default=False),
    ] = None,
    shift: Annotated[
        list[str] | None,
        typer.Option("--shift", help="ct_dose, mr_noise, xr_blur ...; several times.", show_default=False),
    ] = None,
    severity: Annotated[
        list[int] | None,
        typer.Option("--severity", help="1 to 5 of each shift; several times.", show_default=False),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit", help="auc=0.8 at least, or auc=-0.05, the largest fall; several times.", show_default=False
        ),
    ] = None,
    foreign: Annotated[
        Path | None,
        typer.Option("--foreign", help="A folder of images from elsewhere, to be told apart.", show_default=False),
    ] = None,
    case: Annotated[
        list[int] | None, typer.Option("--case", help="A case's number; several times.", show_default=False)
    ] = None,
    most: Annotated[
        int | None,
        typer.Option(
            "--most",
            help="Cases that are tried at most, drawn by chance; 500, or 20 of networks that make images.",
            show_default=False,
        ),
    ] = None,
    open_test: Annotated[bool, typer.Option("--open-test", help="Try test cases; counted in the ledger.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why the test set is opened, for the ledger.")] = "stress",
    seed: Annotated[int, typer.Option("--seed", help="Of everything random.")] = 0,
    as_json: AsJson = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """What it takes to turn the network's answers: attacks in HU or noise sds, shifts of scanners; and its doubts."""
    with one_sentence():
        from radcnn.study.stressing.stress import stress as stress_run

        found = stress_run(
            run, parts=parts, attack=attack, budget=budget, in_noise=in_noise, towards=towards,
            surrogate=surrogate, pixels=pixels, generations=generations, area=area, border=border, case=case,
            raw_budget=raw_budget, photons=photons,
            most=most, shift=shift, severity=severity, limit=limit, foreign=foreign,
            open_test=open_test, reason=reason, seed=seed, listener=Voice(quiet=quiet),
        )  # fmt: skip
        show(found.as_json(), "\n".join(found.lines()), as_json=as_json)
        next_step("radcnn report", run, as_json=as_json)
