"""Rows about folders that hold more than one volume: series, localizers, patients, phases, echoes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matrix.grid import Array, stacked
from matrix.objects import number, uid, write_series
from matrix.phantom import Scale, Truth
from matrix.row import Row
from matrix.rows_series import HU, PLAIN
from matrix.store import CT, MR

OFFSET = 55.0  # of the second volume's values, so that a mixture of both shows
THICK = stacked(slices=5, step_mm=5.0, first_mm=(-20.3, -31.7, 110.0))
ARBITRARY = Scale(100.0, 4000.0)
LOWER, UPPER = stacked(slices=5), stacked(slices=4, first_mm=(-20.3, -31.7, 127.0))
SCOUT = stacked(slices=1, right=(0, 1, 0), down=(0, 0, -1), first_mm=(0.0, -31.7, 140.0))


def _scout(folder: Path, **attributes: Any) -> None:
    values = np.full((1, 32, 40), 500.0)
    about = {"series": 7, "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], **attributes}
    write_series(folder, values, SCOUT, CT, **about)


def _localizer(folder: Path, values: Sequence[Array]) -> None:
    write_series(folder, values[0], PLAIN, CT)
    _scout(folder)


def _localizer_inside(folder: Path, values: Sequence[Array]) -> None:
    write_series(folder, values[0], PLAIN, CT)
    _scout(folder, SeriesInstanceUID=uid("series", 1), SeriesNumber=1, InstanceNumber=99)


def _thin_and_thick(folder: Path, values: Sequence[Array]) -> None:
    write_series(folder, values[0], PLAIN, CT, series=1)
    write_series(folder, values[1], THICK, CT, series=2)


def _two_alike(folder: Path, values: Sequence[Array]) -> None:
    write_series(folder, values[0], PLAIN, CT, series=1)
    write_series(folder, values[1], PLAIN, CT, series=2)


def _two_patients(folder: Path, values: Sequence[Array]) -> None:
    write_series(folder, values[0], PLAIN, CT, series=1, PatientID="PLANTED-1")
    write_series(folder, values[1], PLAIN, CT, series=2, PatientID="PLANTED-2", PatientName="Planted^Other")


def _two_patients_one_series(folder: Path, values: Sequence[Array]) -> None:
    """Two patients whose series got one UID, as careless pseudonymisation leaves them: the second goes on above."""
    write_series(folder, values[0], LOWER, CT, series=1, PatientID="PLANTED-1")
    second = {"PatientID": "PLANTED-2", "PatientName": "Planted^Other", "names": range(5, 9), "numbers": range(5, 9)}
    write_series(folder, values[1], UPPER, CT, series=1, **second)


def groups_row(name: str, said: Callable[[int], dict[str, Any]], *, modality: str = "CT", **row: Any) -> Row:
    """Two volumes at the same places in one series; `said(t)` is what the slices of volume t say of themselves."""
    store, scale = (CT, HU) if modality == "CT" else (MR, ARBITRARY)

    def write_it(folder: Path, values: Sequence[Array]) -> None:
        for t, own in enumerate(values):
            places = range(9 * t, 9 * t + 9)
            write_series(
                folder,
                own,
                PLAIN,
                store,
                modality=modality,
                names=places,
                numbers=places,
                SOPInstanceUID=None,
                **{"each": _each(t, said), "AcquisitionNumber": None},
            )

    return Row(name, (Truth(PLAIN), Truth(PLAIN, OFFSET)), scale, write_it, **{"unit": _unit(modality), **row})


def _each(t: int, said: Callable[[int], dict[str, Any]]) -> Callable[[int], dict[str, Any]]:
    return lambda i: {"SOPInstanceUID": uid("group", t, i), **said(t)}


def _unit(modality: str) -> str:
    return "HU" if modality == "CT" else "values"


ONE, BOTH = (Truth(PLAIN),), (Truth(PLAIN), Truth(PLAIN, OFFSET))
ROWS = (
    Row("a localizer in the folder", ONE, HU, _localizer),
    Row("a localizer in the series", ONE, HU, _localizer_inside),
    Row("two series in one folder, thin and thick", (ONE[0], Truth(THICK, OFFSET)), HU, _thin_and_thick),
    Row(
        "the second of two series asked for",
        (Truth(THICK), ONE[0]),
        HU,
        lambda f, v: _thin_and_thick(f, v[::-1]),
        asked={"series": "2"},
    ),
    Row("two series alike in one folder", BOTH, HU, _two_alike, expected="holds 2 series"),
    Row("two patients in one folder", BOTH, HU, _two_patients, expected="2 patients"),
    Row(
        "two patients under one series UID",
        (Truth(LOWER), Truth(UPPER, OFFSET)),
        HU,
        _two_patients_one_series,
        expected="2 patients",
    ),
    groups_row("two phases, by AcquisitionNumber", lambda t: {"AcquisitionNumber": t + 1}),
    groups_row(
        "two phases, by TemporalPositionIdentifier", lambda t: {"TemporalPositionIdentifier": t + 1}, modality="MR"
    ),
    groups_row("two phases, by TriggerTime", lambda t: {"TriggerTime": number(50.0 + 400 * t)}, modality="MR"),
    groups_row("two phases, by AcquisitionTime", lambda t: {"AcquisitionTime": f"10{15 + t}00"}),
    groups_row("two echoes", lambda t: {"EchoTime": number(20.0 + 60 * t), "EchoNumbers": t + 1}, modality="MR"),
    groups_row("two b-values", lambda t: {"DiffusionBValue": 800.0 * t}, modality="MR"),
)
