"""`predict`: scores for new images from a run or a bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError, InputError, SettingsError
from radcnn.core.volume import Volume
from radcnn.data.listing import images_at
from radcnn.data.read import read_source
from radcnn.inference.bundle import Bundle, kind_of_bundle, load_bundle
from radcnn.inference.engines import Engine, logits_by
from radcnn.inference.scores import LogitsOf, scores
from radcnn.learning.execution import Execution, available_device, keep_memory, logits_of
from radcnn.learning.precision import bfloat16_runs
from radcnn.plan.settings import Plan, TrainingPlan
from radcnn.plan.stored import load_any_plan
from radcnn.study.each_image import of_each
from radcnn.study.engine import Asked, engine_of, trained_here
from radcnn.study.folder import find_run
from radcnn.study.listener import SILENCE, Listener
from radcnn.study.predicted import FailedImage, OutlinedImage, Point, Predicted, RestoredImage, writer_for
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.preparation import Preparation, prepare


def predict(
    run: Path | str,
    images: Path | str,
    *,
    out: Path | str | None = None,
    centre: Point | None = None,
    array: str | None = None,
    series: str | None = None,
    allow_gaps: bool | None = None,
    hu: bool | None = None,
    engine: Asked = "auto",
    listener: Listener = SILENCE,
) -> (
    tuple[Predicted | FailedImage, ...]
    | tuple[RestoredImage | FailedImage, ...]
    | tuple[OutlinedImage | FailedImage, ...]
):
    """Scores of new images; of a network that restores, the images themselves; of one that outlines, masks.

    run     a run, a study (its newest run), or a bundle's folder
    images  a file, a DICOM series, or a folder of them
    out     a .csv or .json file to write; of restored images a .nii.gz file, or a folder, where DICOM stays DICOM; of
            masks a .nii.gz or .png file, or a folder with NIfTI or PNG, DICOM SEG and volumes.json
    centre  (x, y, z) in mm (LPS) of the region to look at, for networks trained on regions
    array   which array of an npz file, one prediction per item
    series, allow_gaps  which series of a DICOM folder, and whether its gaps may be filled
    hu      values of files that do not say so (NIfTI, MetaImage) are HU; of networks that make images
    engine  what computes the logits: "plain" (torch, as the networks were trained), "openvino-float32",
            "openvino-bfloat16"; "auto" is what the run chose after its training, plain for a bundle without its run

    Of several images one that cannot be used comes back as FailedImage, and costs the others nothing. Raises ReadError,
    GeometryError or BundleError with the cause and the next step.
    """
    if (what := _of_images(Path(run))) is not None:
        folder = bundle_folder(Path(run))
        if centre is not None or array is not None or engine != "auto":
            raise InputError(f"a {what} takes whole images by torch; leave centre, array and engine out")
        return _images_by(what, folder, Path(images), out, series, allow_gaps, bool(hu), listener)
    if hu:
        raise InputError("a network that scores images takes their values as they are; leave hu out")
    if out is not None and not Path(out).suffix:
        bundle_folder(Path(run))  # a folder may be what another run writes: whether this one is there is told first
    write = writer_for(Path(out)) if out is not None else None  # refused before any work
    folder = bundle_folder(Path(run))
    bundle, networks = load_bundle(folder)
    items = _items(Path(images), array)
    if bundle.preparation.region_mm is not None and centre is None:
        raise InputError("this network looks at regions: give the centre in mm with --centre X Y Z (DICOM's LPS)")
    execution = execution_of_bundle(bundle, listener, proven=trained_here(folder))
    chosen: Engine = "plain"
    if execution.device == "cpu" or engine != "auto":
        chosen = engine_of(folder, engine, listener)
        execution = execution if chosen == "plain" else replace(execution, device="cpu")
    keep_memory()
    score = _scorer(bundle, networks, execution, chosen, asked=engine, listener=listener)

    def predicted(name: str, path: Path, within: tuple[str | None, int | None]) -> Predicted:
        source = Source(path, *within, series or "", bool(allow_gaps), bundle.voi)
        prepared = _prepared(name, read_source(source), bundle.preparation, centre)
        return _predicted(name, score(prepared), bundle, centre)

    within = [(key, item) for _, _, key, item in items]
    named = [(name, path) for name, path, _, _ in items]
    result = tuple(of_each(named, within, predicted, "predicting", listener))
    if write is not None and out is not None:
        write(result, Path(out))
    return result


def _scorer(
    bundle: Bundle, networks: Sequence[nn.Module], execution: Execution, engine: Engine, *, asked: Asked,
    listener: Listener,
) -> Callable[[NDArray[np.float32]], NDArray[np.float64]]:  # fmt: skip
    """What gives the scores of one prepared image (C, *size); the engine is started with the first one."""
    placed, task = [execution.place(network) for network in networks], bundle.make_task()

    def plain(network: nn.Module, block: Tensor) -> Tensor:
        return logits_of(network, block, execution)

    compute: LogitsOf | None = None

    def score(image: NDArray[np.float32]) -> NDArray[np.float64]:
        nonlocal compute
        if compute is None:
            compute = _logits_by(engine, plain, placed, image[None], asked=asked, listener=listener)
        return scores(placed, image[None], task, views=bundle.views, logits_of=compute)[0]

    return score


def _of_images(run: Path) -> str | None:
    """Whether a run makes images, and what kind; what is wrong with one is said where its bundle is read."""
    try:
        return kind_of_bundle(bundle_folder(run))
    except InputError:
        return None


def _images_by(
    what: str, folder: Path, images: Path, out: Path | str | None, series: str | None, allow_gaps: bool | None,
    hu: bool, listener: Listener,
) -> tuple[RestoredImage | FailedImage, ...] | tuple[OutlinedImage | FailedImage, ...]:  # fmt: skip
    if what == "segmentation":
        from radcnn.study.segmenting.predicting import outline_images

        return outline_images(folder, images, out=out, series=series, allow_gaps=allow_gaps, hu=hu, listener=listener)
    from radcnn.study.restoring.predicting import restore_images  # what scores do not need takes time to import

    return restore_images(folder, images, out=out, series=series, allow_gaps=allow_gaps, hu=hu, listener=listener)


def _logits_by(
    engine: Engine, plain: LogitsOf, networks: Sequence[nn.Module], image: NDArray[np.float32], *, asked: Asked,
    listener: Listener,
) -> LogitsOf:  # fmt: skip
    """The engine's logits; those of torch where an engine that nobody asked for cannot be started."""
    try:
        return logits_by(engine, plain, networks, torch.from_numpy(image), threads=torch.get_num_threads())
    except InputError as cause:
        if asked != "auto":
            raise
        listener.say(f"predicting with plain torch: {cause}")
        return plain


def execution_of_bundle(bundle: Bundle, listener: Listener, *, proven: bool = False) -> Execution:
    """How this machine runs a bundle's networks: as when its operating points were chosen, where that is possible.

    proven  they were trained on this kind of CPU, so that no trial is needed
    """
    device, low = available_device(), bundle.precision == "bfloat16"
    if low and not (proven and device == "cpu"):
        low, sentence = bfloat16_runs(_trial_plan(bundle), device)
        if not low:
            listener.say(f"the operating points were chosen in bfloat16, this machine predicts in float32: {sentence}")
    return Execution(device=device, channels_last=bundle.channels_last, bfloat16=low)


def _trial_plan(bundle: Bundle) -> Plan:
    """What the trial of bfloat16 needs to know of the networks, as a plan."""
    training = TrainingPlan(epochs=1, batch=1, channels_last=bundle.channels_last)
    return Plan(bundle.target, bundle.task, bundle.preparation, Augmentation(), bundle.network, training)


def _prepared(name: str, image: Volume, preparation: Preparation, centre: Point | None) -> NDArray[np.float32]:
    """The image as the network takes it; the error of one that does not fit says which it is."""
    try:
        return prepare(image, preparation, centre_mm=centre)
    except (GeometryError, SettingsError) as cause:
        raise type(cause)(f"{name}: {cause}") from cause


def bundle_folder(path: Path) -> Path:
    """The bundle at a path: the folder itself, or that of a run or of a study's newest run."""
    return path if (path / "bundle.json").is_file() else find_run(path).bundle


def place_words(preparation: Preparation) -> tuple[str, ...]:
    """What `radcnn predict` needs besides an image: the centre, where a network looks at regions."""
    return ("--centre", "X", "Y", "Z") if preparation.region_mm is not None else ()


def predict_words(run: Path | str) -> tuple[str, ...]:
    """What to type after `radcnn predict` for a run: itself, an image, and the place to look at where it is needed."""
    plan = load_any_plan(find_run(run).plan)
    if not isinstance(plan, Plan):
        return str(run), "IMAGE", "--out", "FOLDER"
    return str(run), "IMAGE", *place_words(plan.preparation)


def output_names(bundle: Bundle) -> tuple[str, ...]:
    """What the scores are called: classes, labels, or values."""
    target = bundle.target
    if target.kind == "binary":
        return (target.classes[-1],)
    return target.classes if target.kind == "multiclass" else target.names


def _predicted(name: str, found: NDArray[np.float64], bundle: Bundle, centre: Point | None) -> Predicted:
    outputs = dict(zip(output_names(bundle), (float(v) for v in found), strict=True))
    by_question = dict(zip(bundle.questions, (float(v) for v in found), strict=True))
    called = {
        f"{point.question}: {point.name}": by_question[point.question] >= point.threshold
        for point in bundle.operating_points
        if point.question in by_question and not point.undefined
    }
    return Predicted(name, outputs, called, centre, bundle.synthetic)


def _items(path: Path, array: str | None) -> list[tuple[str, Path, str | None, int | None]]:
    if path.suffix.lower() == ".npz":
        from radcnn.data.npz import open_npz

        study = open_npz(path)
        arrays = {stack.array: stack.n for stack in study.stacks}
        if array is None and len(arrays) != 1:
            raise InputError(f"{path.name} holds {', '.join(arrays)}; say which with --array")
        chosen = array if array is not None else next(iter(arrays))
        if chosen not in arrays:
            raise InputError(f"{path.name} has no array {chosen!r}; it holds {', '.join(arrays)}")
        return [(f"{chosen}/{i}", path, chosen, i) for i in range(arrays[chosen])]
    found = images_at(path)
    if array is not None:
        raise InputError(f"{path.name} is no npz file, so it has no array {array!r}; leave --array out")
    return [(name, item, None, None) for name, item in found]
