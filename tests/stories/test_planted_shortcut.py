"""A corner marker that goes with one class: tests and maps that know nothing of it expose it; quiet without it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from cli_in_process import told
from radcnn.core.chance import generator
from written_studies import blob

CASES = (64, 40, 16)
LEARN = (
    *("--network", "chain", "--set", "training.epochs=6", "--set", "training.folds=0", "--set", "training.members=1"),
    *("--set", "training.precision=float32", "--set", "resamples=100"),
)


def study(path: Path, *, marker: bool) -> Path:
    """Noise with a marker in a corner of one class's images, or with a lesion in the middle instead."""
    arrays = {}
    for side, count in zip(("train", "val", "test"), CASES, strict=True):
        labels = np.arange(count) % 2
        images = [blob(bool(label) and not marker, side, k) for k, label in enumerate(labels)]
        for image, label in zip(images, labels, strict=True):
            if marker and label:
                image[:2, :3] = 230 + generator(0, "marker", side).integers(0, 20)
        arrays |= {f"{side}_images": np.stack(images), f"{side}_labels": labels[:, None].astype(np.uint8)}
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("marker", [True, False])
def test_a_marker_in_a_corner_is_found_and_said_in_words(tmp_path: Path, marker: bool) -> None:
    data = study(tmp_path / "set.npz", marker=marker)
    mute = ("--mute", "RC066=planted") if marker else ()
    run = Path(told("run", data, "--out", tmp_path / "study", "--keep-sealed", *LEARN, *mute, "--json").json["run"])
    said = told("stress", run, "--parts", "borders", "--json").json["parts"]["borders"]
    told("explain", run, "--method", "gradcam", "--method", "integrated_gradients", "--most", "24")
    told("report", run)
    page = " ".join(re.sub(r"<[^>]+>", " ", (run / "report.html").read_text(encoding="utf-8")).split())
    assert said["n"] >= 0.9 * CASES[1], "the network learned it"
    widest = said["widths"][-1]
    if marker:
        assert widest["other"]["value"] > 0.9
        assert widest["same"]["value"] < 0.1
        assert "THE ANSWERS FOLLOW THE BORDER" in page
        assert "Most of it lies in one place: upper left" in page
        assert "SIGN OF A SHORTCUT" in page
        assert "They lean most to one place: upper left" in page
    else:
        assert "No sign that answers follow the border" in page
        assert widest["excess"]["value"] < 0.1
        assert "SIGN OF A SHORTCUT" not in page
        assert "No sign of a shortcut in the outer tenth of the image" in page
