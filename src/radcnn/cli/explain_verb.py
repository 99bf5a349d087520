"""`radcnn explain`: which part of an image an answer comes from, and what such maps are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radcnn.cli.console import Voice, next_step, one_sentence, show
from radcnn.cli.options import AsJson, Quiet

Run = Annotated[Path, typer.Argument(help="A run's folder, or a study (its newest run).", show_default=False)]


def explain(
    run: Run,
    cases: Annotated[
        list[int] | None,
        typer.Argument(help="Numbers of cases; without, some of each class, right and wrong.", show_default=False),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method", help="gradcam, cam, guided_gradcam, integrated_gradients, occlusion.", show_default=False
        ),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            "--layer", help="Whose maps are weighted; several times; without, the last of 4 cells an axis or more.",
            show_default=False,
        ),
    ] = None,
    of: Annotated[str, typer.Option("--of", help="called (what was answered), or a class.")] = "called",
    most: Annotated[int, typer.Option("--most", help="Cases that are looked at where none are named.")] = 64,
    features: Annotated[int, typer.Option("--features", help="Maps of each layer to look at one by one.")] = 0,
    groups: Annotated[int, typer.Option("--groups", help="Groups of cases that look alike to the network.")] = 0,
    open_test: Annotated[bool, typer.Option("--open-test", help="Look at test cases; counted in the ledger.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why the test set is opened, for the ledger.")] = "explain",
    seed: Annotated[int, typer.Option("--seed", help="Of everything random.")] = 0,
    as_json: AsJson = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Maps of what in an image speaks for a class, on its own grid, with the figures that say what they are worth."""
    with one_sentence():
        from radcnn.study.explaining.explain import explain as explain_run

        found = explain_run(
            run, cases, method=method, layer=layer, of=of, most=most, features=features, groups=groups,
            open_test=open_test, reason=reason, seed=seed, listener=Voice(quiet=quiet),
        )  # fmt: skip
        show(found.as_json(), "\n".join(found.lines()), as_json=as_json)
        next_step("radcnn report", run, as_json=as_json)
