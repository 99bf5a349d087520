"""Seconds of a graph cut of a volume: radcnn's beside PyMaxflow's (GPL-3, a benchmark peer only), by the same energy.

    pip install PyMaxflow
    python benchmarks/graph_cut.py [--size 128] [--repeats 5]

Three volumes: a noisy ball, a smooth organ with a weak border, and textured noise with weak evidence, which is hard.
Counted is the whole way from costs and grey values to labels. Labels of one energy may differ, so that energies are
compared, too.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import maxflow
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radcnn.inference.refining.graph_cut import CutSettings, costs_of, cut_labels, energy

SETTINGS = CutSettings()
SPACING = (1.5, 1.0, 1.0)


def main() -> None:
    """Time both on every volume and print a table."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--size", type=int, default=128)
    asked.add_argument("--repeats", type=int, default=5)
    said = asked.parse_args()
    print(f"{said.size}^3 voxels, 6 neighbours, medians of {said.repeats}")
    print("volume         radcnn s  PyMaxflow s  ratio   same labels   energy apart")
    for name, made in VOLUMES.items():
        probability, image = made(said.size, np.random.default_rng(0))
        costs = costs_of(np.stack([1 - probability, probability]))
        cut_labels(costs[:, :8, :8, :8], image[:8, :8, :8], SPACING, SETTINGS)  # compiled before the clock starts
        ours, our_seconds = _timed(lambda c=costs, i=image: cut_labels(c, i, SPACING, SETTINGS), said.repeats)
        theirs, their_seconds = _timed(lambda c=costs, i=image: _peer(c, i), said.repeats)
        energies = [energy(labels, costs, image, SPACING, SETTINGS) for labels in (ours, theirs)]
        print(
            f"{name:<14} {our_seconds:8.2f}  {their_seconds:11.2f}  {our_seconds / their_seconds:5.2f}  "
            f"{(ours == theirs).mean():12.6%}   {(energies[0] - energies[1]) / abs(energies[1]):.1e}"
        )


def _timed(run: Callable[[], NDArray], repeats: int) -> tuple[NDArray, float]:
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        made = run()
        seconds.append(time.perf_counter() - began)
    return made, statistics.median(seconds)


def _peer(costs: NDArray, image: NDArray) -> NDArray:
    """PyMaxflow as its documentation uses it: nodes of a grid, edges by axis, terminal edges, the largest flow."""
    graph = maxflow.Graph[float](image.size, 3 * image.size)
    nodes = graph.add_grid_nodes(image.shape)
    for axis in range(image.ndim):
        structure = np.zeros((3,) * image.ndim)
        structure[tuple(2 if other == axis else 1 for other in range(image.ndim))] = 1
        apart = np.diff(image.astype(np.float64), axis=axis, append=np.take(image, [-1], axis=axis))
        weights = SETTINGS.strength / SPACING[axis] * np.exp(-(apart**2) / (2 * SETTINGS.sigma**2))
        graph.add_grid_edges(nodes, weights=weights, structure=structure, symmetric=True)
    graph.add_grid_tedges(nodes, costs[0].astype(np.float64), costs[1].astype(np.float64))
    graph.maxflow()
    return graph.get_grid_segments(nodes).astype(np.uint8) ^ 1


def _away(size: int) -> NDArray:
    places = (np.indices((size,) * 3) - (size - 1) / 2) / (size / 2)
    away: NDArray = np.sqrt((places**2).sum(axis=0))
    return away


def _ball(size: int, chance: np.random.Generator) -> tuple[NDArray, NDArray]:
    inside = _away(size) < 2 / 3
    probability = np.clip(0.4 * inside + 0.3 + 0.25 * chance.standard_normal(inside.shape), 0.01, 0.99)
    return probability, (100 * inside + 20 * chance.standard_normal(inside.shape)).astype(np.float32)


def _organ(size: int, chance: np.random.Generator) -> tuple[NDArray, NDArray]:
    rough = ndimage.gaussian_filter(chance.standard_normal((size,) * 3), size / 16)
    inside = _away(size) + 0.25 * rough / rough.std() < 0.6
    blurred = ndimage.gaussian_filter(inside.astype(np.float32), 3)
    noise = ndimage.gaussian_filter(chance.standard_normal(inside.shape), 2)
    probability = 1 / (1 + np.exp(-(6 * (blurred - 0.5) + 1.5 * noise / noise.std())))
    return probability, (40 * blurred + 12 * chance.standard_normal(inside.shape)).astype(np.float32)


def _texture(size: int, chance: np.random.Generator) -> tuple[NDArray, NDArray]:
    texture = ndimage.gaussian_filter(chance.standard_normal((size,) * 3), 1.5)
    probability = np.clip(0.5 + 0.15 * chance.standard_normal(texture.shape), 0.01, 0.99)
    return probability, (30 * texture / texture.std()).astype(np.float32)


VOLUMES = {"ball": _ball, "organ": _organ, "texture": _texture}


if __name__ == "__main__":
    main()
