"""Options that several verbs share, declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from radcnn.core.errors import SettingsError
from radcnn.core.settings import merged, nested

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results only.")]


def _option(name: str, kind: Any, words: str, *flags: str, panel: str, metavar: str | None = None) -> inspect.Parameter:
    """`metavar` shows how several values are typed: with spaces between them, where typer would show commas."""
    shown = typer.Option(*flags, help=words, show_default=False, rich_help_panel=panel, metavar=metavar)
    annotation = Annotated[kind, shown]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


TABLE, READING, SPLIT, TRAINING = "The table", "Reading", "The split", "Training"
NOT_SETTINGS = frozenset({"data", "study", "out", "plan", "workers", "resume", "listener", "keep_sealed"})
Text = str | None
Texts = list[str] | None
Flag = bool | None

HU = _option("hu", Flag, "Values of files that do not say so are HU.", "--hu", panel=READING)
READING_OPTIONS = (
    _option("series", Text, "Which DICOM series: number, UID, 'most' or 'thinnest'.", "--series", panel=READING),
    _option("allow_gaps", Flag, "Fill missing DICOM slices by interpolation.", "--allow-gaps", panel=READING),
)  # fmt: skip
DATA_OPTIONS = (
    _option(
        "labels",
        Path | None,
        "Table of labels: CSV, TSV or XLSX; or the array of masks in npz files.",
        "--labels",
        panel=TABLE,
    ),
    _option(
        "target",
        Texts,
        "Column to predict; several times for several labels. Or a folder of the images that DATA are to become.",
        "--target",
        panel=TABLE,
    ),
    _option(
        "simulate_dose",
        float | None,
        "DATA are full-dose CT: learn to restore them from this share of their dose.",
        "--simulate-dose",
        panel=READING,
    ),
    _option(
        "masks",
        Text,
        "Masks of DATA, to outline what they show: a folder, a pattern like '*_label*', an array of npz files, or "
        "dicom (SEG and RTSTRUCT among the series).",
        "--masks",
        panel=READING,
    ),
    _option(
        "scribbles",
        Text,
        "Masks that training sees, as --masks takes them; --masks then judge.",
        "--scribbles",
        panel=READING,
    ),
    _option(
        "structure",
        Texts,
        "A structure and its labels in the masks, like liver=1 or tumour=2,3, or names of DICOM segments, like "
        "'liver=Liver'; several times.",
        "--structure",
        panel=READING,
    ),
    HU,
    _option("patient", Text, "Column that names the patient.", "--patient", panel=TABLE),
    _option(
        "patient_from",
        Text,
        r"Pattern that finds the patient in the file name, like 'person\d+'.",
        "--patient-from",
        panel=TABLE,
    ),
    _option("unit", Text, "'image': every image is a patient of its own, on your word.", "--unit", panel=TABLE),
    _option("image", Text, "Column of the image file.", "--image", panel=TABLE),
    _option("case", Text, "Column of the case id.", "--case", panel=TABLE),
    _option("site", Text, "Column of the site (hospital, scanner).", "--site", panel=TABLE),
    _option(
        "centre",
        tuple[str, str, str] | None,
        "Three columns x y z (mm, LPS) of the place to look at.",
        "--centre",
        panel=TABLE,
        metavar="X Y Z",
    ),
    _option("mask", Text, "Column of the mask's file (SEG, RTSTRUCT, NIfTI, npz, PNG).", "--mask", panel=TABLE),
    _option(
        "box",
        tuple[str, str, str, str] | None,
        "Four columns x0 y0 x1 y1 (pixels from the upper left) of what is to be found.",
        "--box",
        panel=TABLE,
        metavar="X0 Y0 X1 Y1",
    ),
    _option("subgroup", Texts, "Column to make a subgroup table for.", "--subgroup", panel=TABLE),
    _option("positive", Text, "The positive class of two.", "--positive", panel=TABLE),
    _option("kind", Text, "binary, multiclass, multilabel or regression.", "--kind", panel=TABLE),
    *READING_OPTIONS,
    _option("voi", Flag, "Apply the VOI LUT of DICOM radiographs.", "--voi", panel=READING),
    _option("split", Text, "Column of a fixed split: training, tuning, test.", "--split", panel=SPLIT),
    _option("leave_site", Text, "This site becomes the test side.", "--leave-site", panel=SPLIT),
    _option("split_seed", int | None, "Seed of the split; the split is made once.", "--split-seed", panel=SPLIT),
    _option(
        "fractions",
        tuple[float, float, float] | None,
        "Shares of training, tuning and test; 0.7 0.15 0.15 by default.",
        "--fractions",
        panel=SPLIT,
        metavar="TRAINING TUNING TEST",
    ),
    _option("sites", Text, "'stratified': each site has its share on all sides.", "--sites", panel=SPLIT),
    _option("region_mm", float | None, "Extent of the region about each centre.", "--region-mm", panel=TRAINING),
)
TRAINING_OPTIONS = (
    _option("minutes", float | None, "Budget of the whole run; 10 by default.", "--minutes", panel=TRAINING),
    _option("seed", int | None, "Seed of training; 0 by default.", "--seed", panel=TRAINING),
    _option("network", Text, "Network, like resnet18; radcnn card lists them.", "--network", panel=TRAINING),
    _option("loss", Text, "Loss of images that are made: dice+ce, focal, l1 ...", "--loss", panel=TRAINING),
    _option("within", Text, "A structure that holds all others: two networks in a row.", "--within", panel=TRAINING),
    _option("refine", Text, "graphcut or crf: kept where the tuning set says it helps.", "--refine", panel=TRAINING),
    _option(
        "adversarial", Text, "Train against attacks: fgsm or pgd; needs --adversarial-budget.", "--adversarial",
        panel=TRAINING,
    ),
    _option(
        "adversarial_budget", float | None, "How far attacks may change a voxel: HU of CT, grey levels ...",
        "--adversarial-budget", panel=TRAINING,
    ),
    _option(
        "adversarial_in_noise", Flag, "That budget is a multiple of each image's noise sd.", "--adversarial-in-noise",
        panel=TRAINING,
    ),
    _option(
        "mute",
        Texts,
        "Go on in spite of this finding: CODE, or CODE=REASON, which the report prints; several times.",
        "--mute",
        panel=TRAINING,
    ),
    _option(
        "changes", Texts, "Overrule a setting, like training.epochs=20; several times.", "--set", panel=TRAINING
    ),
)  # fmt: skip


def with_options(*shared: inspect.Parameter) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb that ends in **options these options by name."""

    def give(verb: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(verb, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        verb.__signature__ = signature.replace(parameters=[*own, *shared])  # type: ignore[attr-defined]
        verb.__annotations__ = {p.name: p.annotation for p in (*own, *shared)} | {"return": None}
        return verb

    return give


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, with --set section.name=value put into their sections."""
    found = {name: _plain(value) for name, value in options.items() if value is not None and value != []}
    for change in found.pop("changes", []):
        key, equals, text = change.partition("=")
        section = key.partition(".")[0]
        if not equals or not key:
            raise SettingsError(f"--set needs name=value, such as training.epochs=20, got {change!r}")
        if section in NOT_SETTINGS:
            raise SettingsError(
                f"--set changes settings of study.yaml, got {key!r}; give it as an argument of the verb"
            )
        if isinstance(found.get(section), str) and section != key:  # --network chain
            found[section] = {"name": found[section]}
        found = merged(found, nested(key, _value(text)))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _value(text: str) -> Any:
    from radcnn.core.plain_yaml import plain_yaml

    return plain_yaml(text, f"--set value {text!r}")
