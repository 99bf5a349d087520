"""Labels on the scanner's grid are the argmax of interpolated logits, however little was interpolated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from radcnn.core.errors import InputError
from radcnn.transforms import labels_on_grid as module
from radcnn.transforms.labels_on_grid import labels_by_interpolation, labels_on_grid
from radcnn.transforms.resampling import centred_line
from radcnn.transforms.weights import Line, resample_by_matrices

ROUNDING = 1e-5  # of a logit: below it either of two labels is right


@pytest.fixture(autouse=True)
def always_compiled(monkeypatch):
    monkeypatch.setattr(module, "COMPILED_FROM", 0)


def drawn(seed: int) -> tuple[np.ndarray, tuple[Line, ...]]:
    """Logits with ties, smooth or rough, in single or half precision, and a grid that may leave theirs."""
    generator = np.random.default_rng(seed)
    shape = tuple(int(generator.choice([1, 2, generator.integers(3, 30)])) for _ in range(3))
    lines = tuple(
        Line(n, int(generator.integers(1, 50)), float(generator.uniform(-6, n)), float(generator.uniform(0.1, 3)))
        for n in shape
    )
    logits = generator.normal(size=(int(generator.integers(1, 9)), *shape))
    if seed % 3 == 0:
        logits = 40 * ndimage.gaussian_filter(logits, (0, 3, 3, 3))
    if seed % 2:
        logits = np.round(2 * logits)
    return logits.astype((np.float32, np.float16, np.float64)[seed % 5 % 3]), lines


@pytest.mark.parametrize("seed", range(40))
def test_labels_agree_with_interpolating_every_class(seed):
    logits, lines = drawn(seed)
    made, known = labels_on_grid(logits, lines), labels_by_interpolation(logits, lines)
    assert (made.shape, made.dtype) == (known.shape, np.uint8)
    values = resample_by_matrices(logits, lines, "linear")
    lost = values.max(axis=0) - np.take_along_axis(values, made[None].astype(np.int64), axis=0)[0]
    assert lost.max() <= ROUNDING * max(1.0, np.abs(values).max())
    assert (made != known).mean() < 1e-3


def test_ties_go_to_the_lowest_label():
    assert not labels_on_grid(
        np.ones((4, 5, 6, 7), np.float32), (Line(5, 9, 0, 0.5), Line(6, 6, 0, 1), Line(7, 9, 0, 0.7))
    ).any()


def test_outside_the_logits_is_label_0():
    logits = np.zeros((3, 4, 4, 4), np.float32)
    logits[2] = 1
    labels = labels_on_grid(logits, tuple(centred_line(4, 8, 1.5, 1.0) for _ in range(3)))
    known = np.zeros((8, 8, 8), np.uint8)
    known[2:6, 2:6, 2:6] = 2
    assert np.array_equal(labels, known)


def test_the_way_back_puts_an_organ_where_it_was():
    to_network = tuple(centred_line(n, m, (n - 1) / 2, n / m) for n, m in ((40, 20), (60, 45), (50, 50)))
    organ = np.zeros((40, 60, 50), np.float32)
    organ[10:30, 12:44, 20:40] = 1
    inside = resample_by_matrices(organ[None], to_network, "linear")[0]
    back = labels_on_grid(np.stack([1 - inside, inside]), tuple(line.inverse() for line in to_network))
    assert 2 * (back * organ).sum() / (back.sum() + organ.sum()) > 0.98


def test_an_image_has_labels_too_and_many_classes_need_16_bits():
    logits = np.zeros((300, 4, 5), np.float32)
    logits[299] = 1
    labels = labels_on_grid(logits, (Line(4, 8, -0.25, 0.5), Line(5, 5, 0.0, 1.0)))
    assert (labels.shape, labels.dtype) == ((8, 5), np.uint16)
    assert (labels == 299).all()


def test_threads_change_no_label():
    logits = np.random.default_rng(0).normal(size=(5, 10, 30, 20)).astype(np.float32)
    lines = tuple(centred_line(n, 2 * n, (n - 1) / 2, 0.5) for n in (10, 30, 20))
    assert np.array_equal(labels_on_grid(logits, lines, threads=1), labels_on_grid(logits, lines, threads=3))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("compiled_from", [0, 1 << 40])
def test_logits_that_are_not_finite_are_refused(monkeypatch, wrong, compiled_from):
    monkeypatch.setattr(module, "COMPILED_FROM", compiled_from)
    logits = np.zeros((2, 4, 4, 4), np.float32)
    logits[1, 2, 3, 1] = wrong
    with pytest.raises(InputError, match="not finite"):
        labels_on_grid(logits, tuple(Line(4, 4, 0.0, 1.0) for _ in range(3)))


def test_logits_of_another_shape_than_the_lines_are_refused():
    with pytest.raises(InputError, match=r"\(classes, 4, 4\)"):
        labels_on_grid(np.zeros((2, 4, 5), np.float32), (Line(4, 4, 0.0, 1.0), Line(4, 4, 0.0, 1.0)))
    with pytest.raises(InputError, match="1 to 65536 classes, got 0"):
        labels_on_grid(np.zeros((0, 4, 4), np.float32), (Line(4, 4, 0.0, 1.0), Line(4, 4, 0.0, 1.0)))
