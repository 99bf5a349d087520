"""A machine that is slower than planned is told in time, and not by an epoch that says nothing."""

from __future__ import annotations

import pytest

from radcnn.learning.events import EpochEnded
from radcnn.study.listener import Silence
from radcnn.study.training import say_if_slow


class Heard(Silence):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.mark.parametrize(
    ("epoch", "seconds", "warned"),
    [
        (1, 10.0, False),  # 32 epochs like this one are 5 minutes, but it compiled loops
        (2, 10.0, True),
        (2, 5.0, False),
        (1, 90.0, True),
    ],
)
def test_only_an_epoch_that_says_how_long_the_others_take_warns(epoch: int, seconds: float, warned: bool) -> None:
    heard = Heard()
    ended = EpochEnded(0, epoch, 32, seconds, 1e-3, 0.5, 0.5, 0.5, 0.8, 0.8)
    assert say_if_slow(ended, networks=1, minutes=2.0, listener=heard) is warned
    assert ["slower than planned" in sentence for sentence in heard.said] == [True] * warned
