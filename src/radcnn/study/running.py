"""`run` and `demo`: the whole story with one command."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from radcnn.core.errors import InputError, Stopped
from radcnn.physics.phantoms.study import simulate_nodule_study, simulated_with
from radcnn.study.begin import begin_or_continue, begun, default_folder
from radcnn.study.folder import RunFolder, StudyFolder, find_study, quoted, read_record
from radcnn.study.judging import evaluate
from radcnn.study.listener import SILENCE, Listener
from radcnn.study.reporting import report
from radcnn.study.settings import OF_A_RUN
from radcnn.study.training import begin_training, train
from radcnn.study.words import meant


def run(
    data: Path | str,
    *,
    out: Path | str | None = None,
    keep_sealed: bool = False,
    resume: bool = False,
    workers: int = 1,
    listener: Listener = SILENCE,
    **options: Any,
) -> Path:
    """Look, split, plan, train, evaluate and report; returns the run's folder.

    data  images, as `new` takes them; or a study that was made of some, its folder or its study.yaml

    The sealed test set is opened once at the end, which the ledger records; `keep_sealed` leaves it sealed. Called
    again on the same data, the study with its split and ledger goes on with a new run; with `resume` its newest run
    goes on where it was interrupted, in training, evaluation or report.

    Findings that make a result wrong do not stop it, as they stop `train`: they are told, and stand on the report and
    the model card until the data are mended or a person mutes them.

    Raises InputError with the cause and the next step; where no epoch was done, nothing is left behind.
    """
    if (study := _study_at(data, out)) is not None:
        data, out = study.path, None
    if resume:
        folder = study or begun(data, out=out, options=options)
        if study is not None and options:
            raise InputError("a resumed run keeps its plan; leave the options out, or leave --resume out")
        made = _trained(folder.last_run(), workers, listener)
    elif study is not None:
        made = RunFolder(begin_training(study.path, workers=workers, listener=listener, options=options, in_spite=True))
    else:
        made = _begin(data, out, workers, listener, meant(options, data))
    try:
        if not made.judgement("tuning").is_file():
            evaluate(made.path, listener=listener)
        if not keep_sealed and not made.judgement("test").is_file():
            evaluate(made.path, open_test=True, reason="run: the one evaluation at the end", listener=listener)
        report(made.path, listener=listener)
    except KeyboardInterrupt as stop:
        place = f" --out {quoted(Path(out))}" if out is not None else ""
        sealed = " --keep-sealed" if keep_sealed else ""
        go_on = f"radcnn run {quoted(Path(data))}{place}{sealed} --resume"
        raise Stopped(f"the networks are trained; go on with: {go_on}") from stop
    return made.path


def _begin(
    data: Path | str, out: Path | str | None, workers: int, listener: Listener, options: dict[str, Any]
) -> RunFolder:
    """A new run, trained; a study that this call made is removed where no epoch was done."""
    known = (Path(out) if out is not None else default_folder(Path(data))).exists()
    folder = begin_or_continue(data, out=out, listener=listener, options=options)
    training = {name: value for name, value in options.items() if name.partition(".")[0] in OF_A_RUN}
    try:
        made = begin_training(folder.path, workers=workers, listener=listener, options=training, in_spite=True)
        return RunFolder(made)
    except (InputError, KeyboardInterrupt):
        if not known and not folder.runs.exists():
            shutil.rmtree(folder.path, ignore_errors=True)
        raise


def _study_at(data: Path | str, out: Path | str | None) -> StudyFolder | None:
    """The study that was given in the place of images; raises InputError where another folder is asked for, too."""
    data = Path(data)
    if data.name != "study.yaml" and not (data / "study.yaml").is_file():
        return None
    if out is not None:
        raise InputError(f"{data} is a study already, and its runs lie in it; leave --out out, or give its images")
    return find_study(data)


def _trained(run: RunFolder, workers: int, listener: Listener) -> RunFolder:
    """The run, trained to the end."""
    if read_record(run).get("status") != "trained":
        train(run.path, resume=True, workers=workers, listener=listener)
    return run


def demo(
    out: Path | str = "demo", *, patients: int = 64, minutes: float = 1.75, seed: int = 0, listener: Listener = SILENCE
) -> Path:
    """The main job on a simulated chest-CT nodule study, written as DICOM and read back as any user's data.

    Returns the run's folder. Everything is labelled synthetic.
    """
    out = Path(out)
    images = out / "simulated-ct"
    if (images / "nodules.csv").is_file():
        _refuse_other_simulation(images, patients, seed)
    else:
        simulate_nodule_study(
            images, patients=patients, seed=seed, progress=lambda done, of: listener.progress("simulating", done, of)
        )
    try:
        return run(
            images,
            out=out / "study",
            listener=listener,
            labels=str(images / "nodules.csv"),
            target="malignant",
            patient="patient",
            site="site",
            image="series",
            case="case",
            centre=["x_mm", "y_mm", "z_mm"],
            subgroup=["site"],
            minutes=minutes,
            seed=seed,
            synthetic=True,
        )
    except KeyboardInterrupt as stop:
        raise Stopped(str(stop) or f"only the simulated images in {images} are there") from stop


def _refuse_other_simulation(images: Path, patients: int, seed: int) -> None:
    """Raise InputError when the study that lies there was simulated otherwise."""
    made = simulated_with(images)
    if made != (patients, seed):
        raise InputError(
            f"{images} was simulated with {made[0]} patients and seed {made[1]}, not {patients} and {seed}; "
            "choose another folder with --out, or delete it"
        )
