"""Smooth displacements from a few control points: natural cubic splines between them, along each axis in turn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


def displacement(control: Tensor, size: Sequence[int]) -> Tensor:
    """Displacements (B, d, *size) in voxels from those at control points (B, d, g, g[, g])."""
    bases = [spline_basis(n, control.shape[2]).to(control.device, torch.float32) for n in size]
    pattern = "bdij,hi,wj->bdhw" if len(size) == 2 else "bdkij,zk,hi,wj->bdzhw"
    return torch.einsum(pattern, control.to(torch.float32), *bases)


@lru_cache(maxsize=64)
def spline_basis(count: int, points: int) -> Tensor:
    """(count, points): the natural cubic spline through each unit vector of control values, at `count` voxels."""
    knots = np.linspace(0.0, 1.0, points)
    at = np.linspace(0.0, 1.0, count) if count > 1 else np.array([0.5])
    from scipy.interpolate import CubicSpline  # a fifth of a second that a prediction does without

    return torch.from_numpy(CubicSpline(knots, np.eye(points), bc_type="natural")(at).astype(np.float32))
