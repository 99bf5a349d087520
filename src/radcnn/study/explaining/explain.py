"""`explain`: maps of what speaks for a class, on each image's own grid, with the figures that say what they are worth.

RUN/explain/explain.json   what was found, with the hash of the model; written last
RUN/explain/case-*         maps and pictures: see `keeping`
RUN/explain/feature-*      pictures of single maps of layers: see `features`
RUN/explain/group-*, mean-*  pictures of groups of cases, and mean maps: see `groups`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from radcnn.core.errors import InputError, SettingsError
from radcnn.core.files import read_json, write_json
from radcnn.inference.bundle import load_bundle, verify
from radcnn.reports.explaining.found import Explained, ExplainedCase, Looked, MapFiles
from radcnn.reports.explaining.fragments import explained_fragments
from radcnn.reports.explaining.ranked import sentences_of
from radcnn.reports.fragment import Fragment
from radcnn.reports.numbers import several
from radcnn.study.explaining.asked import Asked, Way, Ways, asked, outputs_of, ways_of
from radcnn.study.explaining.chosen import Chosen, choose
from radcnn.study.explaining.features import features_of
from radcnn.study.explaining.groups import grouped_of
from radcnn.study.explaining.keeping import MOST_BYTES, kept_image, kept_maps
from radcnn.study.explaining.mapped import maps_of, to_one
from radcnn.study.explaining.marks import marks_of
from radcnn.study.explaining.worth import Judged, figures_of, removal_of
from radcnn.study.folder import RunFolder, find_run
from radcnn.study.listener import SILENCE, Listener
from radcnn.study.looking import LookedInto, look_into
from radcnn.study.study_yaml import load_settings

FOLDER, RESULT = "explain", "explain.json"


def explain(
    run: Path | str,
    cases: Sequence[int] | None = None,
    *,
    method: Sequence[str] | None = None,
    layer: Sequence[str] | None = None,
    of: str = "called",
    most: int = 64,
    features: int = 0,
    groups: int = 0,
    open_test: bool = False,
    reason: str = "explain",
    seed: int = 0,
    listener: Listener = SILENCE,
) -> Explained:
    """Maps of what in an image speaks for a class, on tuning cases or with `open_test` on test cases.

    cases   numbers in the study; without, some of each class, right and wrong
    method  ways of making maps (`radcnn.explanation.methods.METHODS`); all that apply without
    layer   whose maps Grad-CAM weights; without, the last of 4 cells an axis or more
    of      "called": what the network answered; or the class, label or value that all maps speak of
    most    cases that are looked at where none were named
    features  maps of each layer (of `layer`, or the last of each size) that are looked at one by one; 0 for none
    groups  groups of all cases of the side that are alike to the network, and whether errors gather in some; 0 for none

    Maps are written to RUN/explain on the image's own grid, and explain.json with the figures; `radcnn report` shows
    them. Raises SettingsError for a method, layer or class that is none, before any test case is looked at.
    """
    wanted = asked(method=method, layer=layer, of=of, most=most, seed=seed, features=features, groups=groups)
    folder = find_run(run)
    ways = _refuse_first(folder, wanted)
    looked = look_into(run, cases=cases or (), open_test=open_test, reason=reason, listener=listener)
    ways = ways or ways_of(wanted, looked.bundle, looked.networks)
    chosen = choose(looked, wanted, named=bool(cases), listener=listener)
    place = folder.path / FOLDER
    _cleared(place)
    found = _made(looked, chosen, wanted, ways, place, listener)
    grouped, reason = grouped_of(looked, wanted, place, named=bool(cases), listener=listener)
    refused = (("groups of cases", reason),) if reason else ()
    found = replace(found, grouped=grouped, not_applicable=(*found.not_applicable, *refused))
    write_json(place / RESULT, found.as_json())
    return found


def _cleared(place: Path) -> None:
    """Without the result of an earlier call, which vouches for the files beside it, and without those files."""
    (place / RESULT).unlink(missing_ok=True)
    for stem in ("case", "feature", "group", "mean"):
        for file in place.glob(f"{stem}-*"):
            file.unlink()


def _refuse_first(folder: RunFolder, wanted: Asked) -> Ways | None:
    """The ways that apply; None where the run is none that can be looked into, which `look_into` says better."""
    if not (folder.bundle / "bundle.json").is_file() or load_settings(folder.study.settings).makes != "labels":
        return None
    return ways_of(wanted, *load_bundle(folder.bundle))


def _made(looked: LookedInto, chosen: Chosen, wanted: Asked, ways: Ways, place: Path, listener: Listener) -> Explained:
    files: list[list[MapFiles]] = [[] for _ in chosen.numbers]
    found: list[Looked] = []
    marks = marks_of(looked, chosen, listener)
    removal = removal_of(looked.networks, looked.bundle.target, chosen, wanted.seed)
    for way in ways.ways:
        maps = maps_of(looked.networks, looked.bundle.target, way, chosen.images, chosen.classes, listener)
        for k, one in enumerate(_kept(looked, chosen, way, maps.mean(0), place)):
            files[k].append(one)
        judged = Judged(looked.networks, looked.bundle.target, chosen, marks, way, maps, removal, wanted.seed)
        found.append(Looked(way.called, way.method, way.layer, figures_of(judged)))
    return Explained(
        run=str(looked.folder.path),
        side=looked.side,
        model=verify(looked.folder.bundle),
        unit=looked.opened.cohort.unit,
        n=len(chosen.numbers),
        patients=len(set(chosen.patients)),
        threshold=chosen.threshold,
        of=wanted.of,
        rule=chosen.rule,
        marked=marks.words,
        ways=tuple(found),
        sentences=sentences_of(found),
        cases=tuple(_case(looked, chosen, k, place, tuple(one)) for k, one in enumerate(files)),
        not_applicable=(*ways.not_applicable, *_not_made(looked)),
        notes=(*_notes(looked), *_missing(files)),
        features=features_of(looked, chosen, wanted, place, listener),
    )


def _kept(looked: LookedInto, chosen: Chosen, way: Way, maps: Tensor, place: Path) -> list[MapFiles]:
    """The files of the maps (n, *size) of one way; no more Parametric Maps than there is room for."""
    shown, cases = to_one(maps).numpy(), looked.cases
    made: list[MapFiles] = []
    taken = 0
    for k, (row, number) in enumerate(zip(chosen.rows.tolist(), chosen.numbers, strict=True)):
        one = kept_maps(
            place, cases[row], number, looked.bundle.preparation, chosen.images[k].numpy(), maps[k].numpy(), shown[k],
            way, dicom=taken < MOST_BYTES,
        )  # fmt: skip
        taken += sum((place / file).stat().st_size for file in one.maps if file.endswith(".dcm"))
        made.append(one)
    return made


def _case(looked: LookedInto, chosen: Chosen, k: int, place: Path, files: tuple[MapFiles, ...]) -> ExplainedCase:
    return ExplainedCase(
        case=chosen.numbers[k],
        of=outputs_of(looked.bundle.target)[int(chosen.classes[k])],
        truth=chosen.labels[k],
        answer=chosen.answers[k],
        outcome=chosen.outcomes[k],
        image=kept_image(place, chosen.numbers[k], np.asarray(chosen.images[k])),
        files=files,
    )


def _not_made(looked: LookedInto) -> tuple[tuple[str, str], ...]:
    if len(looked.networks) > 1:
        return ()
    reason = "this run has one network; train with --set training.folds=5 or --set training.members=3"
    return (("repeatability", reason),)


def _notes(looked: LookedInto) -> tuple[str, ...]:
    """What a reader must know of the maps."""
    notes = []
    if looked.side == "tuning":
        notes.append("Epochs and thresholds were chosen on these tuning cases; --open-test looks at test cases.")
    if looked.bundle.views != "identity":
        notes.append("Answers are means over test-time views; maps are of the image as it is.")
    if len(looked.networks) > 1:
        notes.append(f"Maps are means over the maps of {len(looked.networks)} networks.")
    return tuple(notes)


def _missing(files: Sequence[Sequence[MapFiles]]) -> tuple[str, ...]:
    """Why maps of DICOM series were not written as Parametric Maps, each reason once, with how many."""
    reasons = Counter(one.missing for case in files for one in case if one.missing)
    return tuple(f"{several(n, 'map')} without DICOM Parametric Map: {reason}." for reason, n in reasons.items())


def explain_fragments(folder: RunFolder) -> tuple[Fragment, ...]:
    """What the report tells of maps: those of this model; raises InputError where the result is damaged."""
    file = folder.path / FOLDER / RESULT
    if not file.is_file():
        return ()
    found = read_json(file)
    try:
        if found["model"] != verify(folder.bundle):
            return ()
        return explained_fragments(Explained.from_json(found), file.parent)
    except (KeyError, TypeError, FileNotFoundError, SettingsError) as cause:
        raise InputError(f"{file} is not what radcnn wrote; make it again with: radcnn explain") from cause
