"""`names`: which image each case number means, told to a person at the terminal and written into no study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from radcnn.core.catalogue import look_up
from radcnn.study.folder import find_study
from radcnn.study.listener import SILENCE, Listener
from radcnn.study.open_study import open_study


def names(study: Path | str, *, case: Sequence[str] | None = None, listener: Listener = SILENCE) -> dict[str, str]:
    """The images behind the numbers of a study's cases, as the user names them: file below the folder, or table's cell.

    case  the numbers that are asked for, as reports, judgements and predictions give them; all without one

    Files of a study hold numbers alone, since a file's name may name a patient; what `predict` writes is called like
    the images it was given, as a result must be found again. Raises InputError when the data moved or changed since the
    study was made, SettingsError for a number that is no case.
    """
    opened = open_study(find_study(study))
    listener.say("names of files may name patients: they are shown to you, and no file of a study holds them")
    known = {str(number): one.own_name for number, one in enumerate(opened.cohort.cases, start=1)}
    return {number: look_up(known, number, "case") for number in case} if case else known
