"""What a terminal hears: sentences and progress on standard error, results alone on standard output."""

from __future__ import annotations

import pytest
import typer

from radcnn.cli import console
from radcnn.cli.console import Voice, clock, next_step, one_sentence, show
from radcnn.core.errors import InputError, Stopped
from radcnn.learning.events import EpochEnded, StepEnded, StoppedEarly


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(console, "time", made)
    return made


def watched() -> Voice:
    voice = Voice()
    voice.watched = True
    return voice


def test_an_input_error_is_one_sentence_and_exit_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stopped, one_sentence():
        raise InputError("the cause; the next step")
    assert stopped.value.exit_code == 2
    assert capsys.readouterr() == ("", "radcnn: the cause; the next step\n")


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        (KeyboardInterrupt(), "radcnn: stopped; nothing was written\n"),
        (
            Stopped("go on with: radcnn train 'a b' --resume"),
            "radcnn: stopped; go on with: radcnn train 'a b' --resume\n",
        ),
    ],
)
def test_an_interruption_says_what_is_left(
    stop: KeyboardInterrupt, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as stopped, one_sentence():
        raise stop
    assert stopped.value.exit_code == 130
    assert capsys.readouterr().err == said


def test_a_mistake_of_ours_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError), one_sentence():
        raise ZeroDivisionError


def test_progress_is_silent_where_nobody_watches(turned: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    voice = Voice()
    assert not voice.watched, "tests are no terminal"
    for done in range(9):
        turned.now += 5
        voice.progress("reading", done, 9)
    assert capsys.readouterr() == ("", "")


def test_progress_comes_after_two_seconds_with_the_time_left(turned: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    voice = watched()
    voice.progress("reading", 0, 100)
    turned.now += 1
    voice.progress("reading", 10, 100)
    assert capsys.readouterr().err == ""
    turned.now += 9
    voice.progress("reading", 50, 100)
    assert capsys.readouterr().err == "\rreading: 50 of 100, 0:10 left"
    voice.progress("reading", 51, 100)
    assert capsys.readouterr().err == "", "at most ten times a second"
    voice.say("a sentence")
    assert capsys.readouterr().err.endswith("\ra sentence\n"), "the line is cleared before a sentence"


def test_events_are_lines_and_a_quiet_voice_says_nothing(turned: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    epoch = EpochEnded(0, 3, 20, 1.25, 1e-3, 0.5, 0.4, 0.6, 0.9, 0.8)
    for voice in (Voice(), Voice(quiet=True)):
        voice.watch("mean AUC, one class against the rest")
        voice.event(StepEnded(0, 3, 1, 8))
        voice.event(epoch)
        voice.event(StoppedEarly(0, 7, 5))
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "network 1, epoch   3 of 20: loss training 0.400, tuning 0.600; mean AUC 0.800; 1.2 s",
        "network 1: no better for 5 epochs, stopped",
    ]


def test_json_is_strict_and_the_next_command_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    show({"auc": 0.5}, "AUC 0.5", as_json=True)
    next_step("radcnn report", "a b", as_json=True)
    assert capsys.readouterr().out == '{\n "auc": 0.5\n}\n'
    show({"auc": 0.5}, "AUC 0.5", as_json=False)
    next_step("radcnn report", "a b")
    assert capsys.readouterr().out == "AUC 0.5\nnext: radcnn report 'a b'\n"
    with pytest.raises(ValueError, match="not JSON compliant"):
        show(float("nan"), "", as_json=True)


def test_clock_counts_minutes() -> None:
    assert [clock(s) for s in (0, 59.9, 60, 3725)] == ["0:00", "0:59", "1:00", "62:05"]
