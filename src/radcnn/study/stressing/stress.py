"""`stress`: what it takes to turn a network's answers, part by part, written beside the run.

RUN/stress/PART-SIDE.json     what a part came to on the tuning or the test side, with the hash of the model
RUN/stress/PART-SIDE-*.csv    its curves
RUN/stress/PART-SIDE-*.png    its pictures
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from radcnn.core.case import Side
from radcnn.core.errors import InputError, SettingsError
from radcnn.core.files import read_json, write_json, write_text
from radcnn.inference.bundle import verify
from radcnn.reports.fragment import Fragment
from radcnn.reports.stressing.dense import dense_fragment
from radcnn.robustness.dense import DenseAttacked
from radcnn.study.folder import RunFolder, find_run
from radcnn.study.listener import SILENCE, Listener
from radcnn.study.looking import LookedInto, look_into
from radcnn.study.open_study import open_study
from radcnn.study.stressing.asked import PHOTONS, asked
from radcnn.study.stressing.asked_shifts import asked_shifts, refuse_unsuited
from radcnn.study.stressing.image_attacks import image_attacks, is_of_images, reader_of
from radcnn.study.stressing.image_request import Request, refuse_of_labels
from radcnn.study.stressing.parts import PARTS, Part, Result
from radcnn.study.stressing.tested import MOST_CASES, UnderTest, under_test

SIDES: tuple[Side, ...] = ("test", "tuning")  # the report tells the first of which there is a result
FOLDER = "stress"


@dataclass(frozen=True)
class Stressed:
    """What the parts of a stress test came to.

    run     its folder
    side    of the cases: "tuning", or "test" where the test set was opened
    model   the hash of the networks
    parts   part -> what it came to
    """

    run: str
    side: Side
    model: str
    parts: Mapping[str, Result]

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        parts = {name: part.as_json() for name, part in self.parts.items()}
        return {"run": self.run, "side": self.side, "model": self.model, "parts": parts}

    @classmethod
    def from_json(cls, value: Any) -> Stressed:
        """The inverse of as_json; raises SettingsError for a part that is damaged."""
        parts = {name: reader_of(name, part)(part) for name, part in value["parts"].items()}
        return cls(value["run"], value["side"], value["model"], parts)

    def lines(self) -> tuple[str, ...]:
        """What the terminal prints."""
        return tuple(line for part in self.parts.values() for line in part.lines())


def stress(
    run: Path | str,
    *,
    parts: str | Sequence[str] | None = None,
    attack: Sequence[str] | None = None,
    budget: Sequence[float] | None = None,
    in_noise: bool = False,
    towards: str | None = None,
    surrogate: Path | str | None = None,
    pixels: Sequence[int] | None = None,
    generations: int = 100,
    area: Sequence[float] | None = None,
    raw_budget: Sequence[float] | None = None,
    photons: float = PHOTONS,
    border: Sequence[int] | None = None,
    shift: Sequence[str] | None = None,
    severity: Sequence[int] | None = None,
    limit: Sequence[str] | None = None,
    foreign: Path | str | None = None,
    case: Sequence[int] | None = None,
    most: int | None = None,
    open_test: bool = False,
    reason: str = "stress",
    seed: int = 0,
    listener: Listener = SILENCE,
) -> Stressed:
    """What it takes to turn the answers of a run, on its tuning cases or with `open_test` on its test cases.

    parts     "attacks", "borders", "shifts", "doubts", in one text with commas or one by one, all of them without; and
              "detector"
    attack    fgsm, pgd, square, universal, one-pixel, patch, l-bfgs, sinogram; fgsm and pgd without
    budget    how far each voxel may be changed: in HU of CT, in grey levels, in the images' own unit otherwise
    in_noise  budgets are multiples of each image's noise sd
    towards   the class that every case is to be given; any wrong answer without
    surrogate another run of the study: PGD is made on its network, and this one is judged
    pixels    how many are changed by one-pixel: 1, 3 and 5 without; generations of its search
    area      shares of the image that patches cover
    raw_budget  how far sinogram may change each ray, in noise sds at a dose of `photons` per ray
    border    widths of the frame that is swapped with other patients' images, in pixels of the prepared image
    shift     ct_dose, mr_noise ... of `robustness.shifts`; those that suit the images without
    severity  1 to 5; all of them without
    limit     "balanced_accuracy=0.8", or with a minus sign the largest fall; a fall by 0.05 without
    foreign   a folder of images from elsewhere, which doubts are to tell from the run's own
    case      numbers of the cases that are tried; all of the side without
    most      cases are tried at most, drawn by chance: 500 without, 20 where networks make images

    Of networks that outline structures or restore images there is the part "attacks", with fgsm and pgd.
    Results are written to RUN/stress; `radcnn report` shows them. Raises InputError for a target of values.
    """
    usual = [name for name, part in PARTS.items() if part.usual]
    wanted = asked(
        parts=parts or usual, known_parts=tuple(PARTS), attack=attack, budget=budget, in_noise=in_noise,
        towards=towards, surrogate=surrogate, pixels=pixels, generations=generations, area=area, border=border,
        raw_budget=raw_budget, photons=photons, seed=seed,
    )  # fmt: skip
    shifting = asked_shifts(shift=shift, severity=severity, limit=limit, foreign=foreign)
    wanted = replace(wanted, shifting=shifting)
    folder = find_run(run)
    if most is not None and most < 1:
        raise SettingsError(f"--most must be 1 or more, got {most}; it is how many cases are tried")
    opened = open_study(folder.study)
    if opened.settings.makes != "labels":
        refuse_of_labels(wanted, parts is not None)
        found = image_attacks(
            Request(folder, opened, wanted, case or (), most, open_test, reason, folder.path / FOLDER, listener)
        )
        model = verify(folder.bundle)
        _write(folder, "attacks", found.side, model, found)
        return Stressed(str(folder.path), found.side, model, {"attacks": found})
    if shifting.names:
        fingerprint = opened.fingerprint
        refuse_unsuited(shifting.names, fingerprint.units, fingerprint.rank)
    tests: list[UnderTest] = []

    def before_opening(looked: LookedInto) -> None:
        """What is refused must not cost an opening of the test set."""
        tests.append(under_test(looked, listener, most=MOST_CASES if most is None else most, seed=seed))
        for name in wanted.parts:
            if (refuse := PARTS[name].refuse) is not None:
                refuse(tests[-1], wanted)

    look_into(
        run, cases=case or (), open_test=open_test, reason=reason, before_opening=before_opening, listener=listener
    )
    test = tests[-1]
    model, side = verify(folder.bundle), test.looked.side
    made: dict[str, Result] = {}
    for name in wanted.parts:
        made[name] = PARTS[name].make(test, wanted, folder.path / FOLDER, listener)
        _write(folder, name, side, model, made[name])
    return Stressed(str(folder.path), side, model, made)


def _write(folder: RunFolder, name: str, side: Side, model: str, result: Result) -> None:
    """The tables, then the result, which vouches for them."""
    for table, text in result.tables().items():
        write_text(folder.path / FOLDER / f"{name}-{side}-{table}.csv", text)
    write_json(folder.path / FOLDER / f"{name}-{side}.json", {"model": model, "side": side, "result": result.as_json()})


def _told(part: Part, result: Any, place: Path) -> Fragment:
    if is_of_images(result):
        return dense_fragment(DenseAttacked.from_json(result), place)
    return part.tell(part.read(result), place)


def stress_fragments(folder: RunFolder) -> tuple[Fragment, ...]:
    """What the report tells of stress tests: those of this model, of the test side where there are some.

    Raises InputError where a result is damaged.
    """
    model, place = verify(folder.bundle), folder.path / FOLDER
    told = []
    for name, part in PARTS.items():
        for side in SIDES:
            file = place / f"{name}-{side}.json"
            if not file.is_file():
                continue
            found = read_json(file)
            try:
                if found["model"] == model:
                    told.append(_told(part, found["result"], place))
                    break
            except (KeyError, TypeError, SettingsError) as cause:
                raise InputError(f"{file} is not what radcnn wrote; make it again with: radcnn stress") from cause
    return tuple(told)
