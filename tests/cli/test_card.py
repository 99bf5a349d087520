"""`radcnn card`: the parameters of a network, or the list of all."""

from __future__ import annotations

import pytest

from cli_in_process import refused, told
from radcnn.networks import NETWORKS


def test_without_a_name_all_networks_are_listed() -> None:
    assert set(told("card", "--json").json) == set(NETWORKS)
    assert len(told("card").out.splitlines()) == len(NETWORKS)


def test_a_card_counts_parameters_of_the_network_asked_for() -> None:
    said = told("card", "resnet18", "--channels", "3", "--outputs", "1000", "--json").json
    assert 11_689_512 in said.values() or "11689512" in str(said)
    assert "11,689,512" in told("card", "resnet18", "--channels", "3", "--outputs", "1000").out


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("resnet81",), "did you mean resnet18?"),
        (("resnet18", "--size", "big"), "--size must be like 224"),
        (("resnet18", "--dims", "4"), "dims"),
        (("chain", "--set", "kernls=[4]"), "did you mean kernels?"),
        (("chain", "--set", "kernels=4"), "kernels"),
        (("chain", "--size", "28x28x28"), "28"),
        (("chain", "--channels", "0"), "channels"),
        (("chain", "--outputs", "0"), "outputs"),
        (("chain", "--size", "0"), "at least 8 pixels a side"),
    ],
)
def test_a_card_that_cannot_be_drawn_says_why(words: tuple[str, ...], answer: str) -> None:
    assert answer in refused("card", *words)
