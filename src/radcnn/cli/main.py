"""`radcnn`: the verbs. Everything heavy is imported inside them, so that --help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from radcnn.cli.console import Voice, next_step, one_sentence, show
from radcnn.cli.explain_verb import explain
from radcnn.cli.image_verbs import IMAGE_VERBS
from radcnn.cli.options import DATA_OPTIONS, HU, READING_OPTIONS, TRAINING_OPTIONS, AsJson, Quiet, given, with_options
from radcnn.cli.stress_verb import stress
from radcnn.cli.texts import checked_text, judged_text, predicted_text, ran_json, ran_text
from radcnn.core.collecting import collect_rarely
from radcnn.core.version import __version__

app = typer.Typer(
    name="radcnn",
    help="Convolutional networks in radiology, honestly evaluated. Research use only: not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="From images to a report: radcnn run DATA. Step by step: new, check, train, evaluate, report, predict.",
)

Out = Annotated[Path | None, typer.Option("--out", help="Where to write.", show_default=False)]
Workers = Annotated[int, typer.Option("--workers", min=0, help="Threads that make batches; changes no number.")]
Study = Annotated[Path, typer.Argument(help="A study's folder or its study.yaml.", show_default=False)]
Run = Annotated[Path, typer.Argument(help="A run's folder, or a study (its newest run).", show_default=False)]
Data = Annotated[
    Path, typer.Argument(help="A folder of images, a folder per class, an npz file or a table.", show_default=False)
]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"radcnn {__version__}")
        raise typer.Exit


@app.callback()
def radcnn(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Convolutional networks in radiology, honestly evaluated. Research use only: not a medical device."""


@app.command()
@with_options(*DATA_OPTIONS, *TRAINING_OPTIONS)
def run(
    data: Data, out: Out = None, keep_sealed: Annotated[
        bool, typer.Option("--keep-sealed", help="Do not open the test set at the end.")
    ] = False, resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the newest run where it was interrupted.")
    ] = False, workers: Workers = 1, as_json: AsJson = False, quiet: Quiet = False, **options: Any,
) -> None:  # fmt: skip
    """Look, split, plan, train, evaluate and report: one command, no file to write."""
    with one_sentence():
        chosen = given(options)
        from radcnn.study.found import standing_in
        from radcnn.study.judging import evaluated
        from radcnn.study.running import run as run_study

        voice = Voice(quiet=quiet)
        made = run_study(
            data, out=out, keep_sealed=keep_sealed, resume=resume, workers=workers, listener=voice, **chosen
        )
        judgement = evaluated(made)
        errors = standing_in(made)
        show(ran_json(made, judgement, errors), ran_text(judgement, errors), as_json=as_json)
        next_step("open in a browser:", made / "report.html", as_json=as_json)


for image_verb in IMAGE_VERBS:
    app.command()(image_verb)
app.command()(explain)
app.command()(stress)


@app.command()
@with_options(*DATA_OPTIONS, *TRAINING_OPTIONS)
def new(data: Data, out: Out = None, as_json: AsJson = False, quiet: Quiet = False, **options: Any) -> None:
    """Look at the data, split them once, propose a plan; writes a study with its study.yaml."""
    with one_sentence():
        chosen = given(options)
        from radcnn.study.begin import new as new_study

        folder = new_study(data, out=out, listener=Voice(quiet=quiet), **chosen)
        show({"study": str(folder)}, f"wrote {folder / 'study.yaml'}", as_json=as_json)
        next_step("radcnn check", folder, as_json=as_json)


@app.command()
@with_options(*TRAINING_OPTIONS)
def check(study: Study, as_json: AsJson = False, quiet: Quiet = False, **options: Any) -> None:
    """Geometry, labels, duplicates, leaks and cost, before any training; exits 1 on an error finding."""
    with one_sentence():
        chosen = given(options)
        from radcnn.study.checking import check as check_study

        found = check_study(study, listener=Voice(quiet=quiet), **chosen)
        show(found.as_json(), checked_text(found), as_json=as_json)
        if found.errors:
            raise typer.Exit(1)
        next_step("radcnn train", study, as_json=as_json)


@app.command()
@with_options(*TRAINING_OPTIONS)
def train(
    study: Study, plan: Annotated[
        Path | None, typer.Option("--plan", help="Train exactly this plan: a run's plan.json.", show_default=False)
    ] = None, resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest run.")] = False,
    workers: Workers = 1, as_json: AsJson = False, quiet: Quiet = False, **options: Any,
) -> None:  # fmt: skip
    """Fit the networks of the plan; resumable at every epoch, bit for bit."""
    with one_sentence():
        chosen = given(options)
        from radcnn.study.training import train as train_study

        made = train_study(study, plan=plan, resume=resume, workers=workers, listener=Voice(quiet=quiet), **chosen)
        show({"run": str(made)}, f"trained {made}", as_json=as_json)
        next_step("radcnn evaluate", made, as_json=as_json)


@app.command()
def evaluate(
    run: Run,
    open_test: Annotated[bool, typer.Option("--open-test", help="Open the sealed test set; counted.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why the test set is opened, for the ledger.")] = "evaluate",
    as_json: AsJson = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Judge a run on the tuning set; with --open-test on the sealed test set, which the ledger records."""
    with one_sentence():
        from radcnn.study.judging import evaluate as evaluate_run

        judgement = evaluate_run(run, open_test=open_test, reason=reason, listener=Voice(quiet=quiet))
        show(judgement.as_json(), judged_text(judgement), as_json=as_json)
        next_step("radcnn report", run, as_json=as_json)


@app.command()
def report(run: Run, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Write report.html, one self-contained page, and the model card of the bundle."""
    with one_sentence():
        from radcnn.study.predicting import predict_words
        from radcnn.study.reporting import report as report_run

        page = report_run(run, listener=Voice(quiet=quiet))
        show({"report": str(page)}, f"wrote {page}", as_json=as_json)
        next_step("radcnn predict", *predict_words(run), as_json=as_json)


@app.command()
@with_options(*READING_OPTIONS, HU)
def predict(
    run: Annotated[Path, typer.Argument(help="A run, a study or a bundle.", show_default=False)],
    images: Annotated[Path, typer.Argument(help="An image, a DICOM series or a folder of them.", show_default=False)],
    out: Out = None,
    centre: Annotated[
        tuple[float, float, float] | None,
        typer.Option(
            "--centre", help="x y z in mm (LPS) of the region to look at.", show_default=False, metavar="X Y Z"
        ),
    ] = None,
    array: Annotated[
        str | None, typer.Option("--array", help="Which array of an npz file.", show_default=False)
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="auto, plain (torch), openvino-float32 or openvino-bfloat16.")
    ] = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
    **options: Any,
) -> None:
    """Scores for new images, images restored, or structures outlined: what the network was trained for.

    --out takes scores as .csv or .json, one image or mask as .nii.gz (a mask of a PNG as .png), and a folder for
    several or for DICOM. Exits 1 where some of several images could not be used.
    """
    with one_sentence():
        from radcnn.study.predicted import FailedImage
        from radcnn.study.predicting import predict as predict_images

        voice = Voice(quiet=quiet)
        settings = {**given(options), "engine": engine}
        found = predict_images(run, images, out=out, centre=centre, array=array, listener=voice, **settings)
        show([one.as_json() for one in found], predicted_text(found), as_json=as_json)
        if any(isinstance(one, FailedImage) for one in found):
            raise typer.Exit(1)


@app.command()
def names(
    study: Study,
    case: Annotated[
        list[str] | None, typer.Option("--case", help="A case's number; several times.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Which image a case number means; printed for you, in no file of a study, since file names may name patients."""
    with one_sentence():
        from radcnn.study.names import names as names_of

        found = names_of(study, case=case, listener=Voice(quiet=quiet))
        show(found, "\n".join(f"{number}\t{name}" for number, name in found.items()), as_json=as_json)


@app.command()
def cache(
    study: Annotated[
        list[Path] | None, typer.Argument(help="Studies; without one, those in this folder.", show_default=False)
    ] = None,
    evict: Annotated[bool, typer.Option("--evict", help="Take everything out.")] = False,
    older_than: Annotated[
        float | None, typer.Option("--older-than", help="Take out what was not used for DAYS.", show_default=False)
    ] = None,
    keep_newest: Annotated[
        int | None, typer.Option("--keep-newest", help="Take out all but the last N used.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be taken out.")] = False,
    as_json: AsJson = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """What studies keep prepared on the disk, and how to free it; it is prepared again when it is needed."""
    with one_sentence():
        from radcnn.cli.texts import cache_json, cache_text
        from radcnn.study.caching import cache as cache_of

        found = cache_of(
            study, evict=evict, older_than=older_than, keep_newest=keep_newest, dry_run=dry_run,
            listener=Voice(quiet=quiet),
        )  # fmt: skip
        show(cache_json(found), cache_text(found, dry_run=dry_run), as_json=as_json)


@app.command()
def card(
    network: Annotated[
        str | None, typer.Argument(help="Its name; without one, all are listed.", show_default=False)
    ] = None,
    size: Annotated[str, typer.Option("--size", help="Input size, like 224 or 28x28 or 32x64x64.")] = "224",
    channels: Annotated[int, typer.Option("--channels", help="Channels of the image.")] = 1,
    outputs: Annotated[int, typer.Option("--outputs", help="Width of the last layer.")] = 1,
    dims: Annotated[int, typer.Option("--dims", help="2 for images, 3 for volumes.")] = 2,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="An option, like stem=small.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Parameters and hyperparameters of a network, layer by layer (Table 1 of the review)."""
    with one_sentence():
        options = given({"changes": changes})
        from radcnn.cli.cards import card_of

        found = card_of(network, size=size, channels=channels, outputs=outputs, dims=dims, options=options)
        show(found.json, found.text, as_json=as_json)


@app.command()
def deidentify(
    source: Annotated[Path, typer.Argument(help="A DICOM file or a folder of them.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="A new folder, elsewhere.", show_default=False)],
    secret_file: Annotated[
        Path | None,
        typer.Option("--secret-file", help="What pseudonyms are made from; beside OUT by default.", show_default=False),
    ] = None,
    link: Annotated[
        Path | None,
        typer.Option("--link", help="Write which input became which output; names patients.", show_default=False),
    ] = None,
    dates: Annotated[str, typer.Option("--dates", help="removed, shifted or kept.")] = "removed",
    keep_uids: Annotated[bool, typer.Option("--keep-uids", help="Keep the UIDs.")] = False,
    keep_device: Annotated[bool, typer.Option("--keep-device", help="Keep what names the scanner.")] = False,
    keep_patient_characteristics: Annotated[
        bool, typer.Option("--keep-patient-characteristics", help="Keep age, sex, size and weight.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """DICOM without identifiers (PS3.15 basic profile, and stricter); burned-in pixels are NOT cleaned."""
    with one_sentence():
        from radcnn.study.deidentifying import deidentify as deidentify_files

        found = deidentify_files(
            source,
            out,
            secret_file=secret_file,
            link=link,
            dates=dates,
            keep_uids=keep_uids,
            keep_device=keep_device,
            keep_patient_characteristics=keep_patient_characteristics,
            listener=Voice(quiet=quiet),
        )
        show(found.as_json(), found.for_the_owner(), as_json=as_json)
        if found.dicom_left_out:
            raise typer.Exit(1)


@app.command()
def systems(as_json: AsJson = False) -> None:
    """The review's systems that can be reproduced, with their papers and what may be asked of each."""
    with one_sentence():
        from radcnn.cli.texts import systems_json, systems_text
        from radcnn.recipes.catalogue import systems as all_systems

        found = all_systems()
        show(systems_json(found), systems_text(found), as_json=as_json)


@app.command()
def reproduce(
    system: Annotated[str, typer.Argument(help="A system's id: radcnn systems lists them.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", help="A new folder; radcnn-ID by default.", show_default=False)
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Budget of all trainings together.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of images and training.", show_default=False)
    ] = None,
    views: Annotated[
        int | None, typer.Option("--views", help="jin2017: views that are kept of 1,000.", show_default=False)
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", help="Pixels a side of the images.", show_default=False)
    ] = None,
    images: Annotated[
        int | None, typer.Option("--images", help="How many images.", show_default=False)
    ] = None,
    ablations: Annotated[
        bool | None,
        typer.Option("--ablations/--no-ablations", help="jin2017: train the ablations, too.", show_default=False),
    ] = None,
    scans: Annotated[
        Path | None,
        typer.Option("--scans", help="Low dose: a folder of real CTs, each of another patient.", show_default=False),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="adversarial-audit: a folder of npz files and studies.", show_default=False),
    ] = None,
    as_json: AsJson = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Build a system of the review on its synthetic substitute and compare it as its paper did."""
    with one_sentence():
        from radcnn.recipes.catalogue import reproduce as reproduce_system

        made = reproduce_system(
            system, out=out, minutes=minutes, seed=seed, views=views, size=size, images=images, ablations=ablations,
            scans=scans, data=data, listener=Voice(quiet=quiet),
        )  # fmt: skip
        show(made.as_json(), made.text, as_json=as_json)
        next_step("look at", out or Path(f"radcnn-{system}"), as_json=as_json)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Where to write.")] = Path("demo"),
    patients: Annotated[int, typer.Option("--patients", min=24, help="Simulated patients.")] = 64,
    minutes: Annotated[float, typer.Option("--minutes", help="Budget of training.")] = 1.75,
    seed: Annotated[int, typer.Option("--seed", help="Seed of simulation and training.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """The main job on a simulated chest CT study: nothing to download."""
    with one_sentence():
        from radcnn.study.found import standing_in
        from radcnn.study.judging import evaluated
        from radcnn.study.running import demo as run_demo

        made = run_demo(out, patients=patients, minutes=minutes, seed=seed, listener=Voice(quiet=quiet))
        judgement = evaluated(made)
        errors = standing_in(made)
        show(ran_json(made, judgement, errors), ran_text(judgement, errors), as_json=as_json)
        next_step("open in a browser:", made / "report.html", as_json=as_json)


def main() -> None:
    """The entry point of the `radcnn` command."""
    collect_rarely()
    app()
