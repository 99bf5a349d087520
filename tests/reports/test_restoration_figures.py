"""Figures of a restoration: a line is drawn in the window in which its picture is shown."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.reports.figures import restoration

LINE = {"input": np.linspace(-1000, 300, 64).tolist(), "reference": np.linspace(-1000, 300, 64).tolist()}


@pytest.mark.parametrize("window", [(-160.0, 240.0), (-1350.0, 150.0)])
def test_a_line_is_drawn_in_its_window(window: tuple[float, float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoration, "drawn", lambda figure, **said: figure.axes[0].get_ylim())
    low, high = restoration.profile_drawing(LINE, 0.7, "HU", window, name="profile")  # type: ignore[misc]
    width = window[1] - window[0]
    assert window[0] - 0.1 * width < low < window[0]
    assert window[1] < high < window[1] + 0.1 * width


def test_no_values_are_no_drawing() -> None:
    assert restoration.profile_drawing({}, None, "HU", (0.0, 1.0), name="profile") is None
