"""The minimum cut of a grid of voxels by Boykov and Kolmogorov's maximum flow (2004, doi:10.1109/TPAMI.2004.60).

Two trees grow from the source and the sink; where they meet, as much flow is sent as fits, and what was cut off from
its tree looks for another parent. On a grid no list of arcs is needed: neighbours lie at fixed offsets, and each voxel
keeps what its arcs can still take.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled, inlined

FREE, SOURCE, SINK = 0, 1, 2
NONE, ROOT, ORPHAN = -1, 100, 101
TREE, PARENT, STAMP, DEPTH = 0, 1, 2, 3  # of a voxel, side by side: they are looked at together
FAR = 2**31 - 1

Caps = NDArray[np.float32]


@compiled
def cut(terminal: Caps, arcs: Caps, steps: NDArray[np.int32], side: NDArray[np.uint8]) -> float:
    """Send the largest flow through a grid, and fill `side` (n,) with 1 on the source's side and 0 on the sink's.

    The outermost voxels of the grid must have no capacity: they are there so that every other voxel has all neighbours.

    terminal  (n,) capacity from the source where positive, to the sink where negative; overwritten
    arcs      (n, k) capacity from each voxel to the one `steps` away; overwritten
    steps     (k,) offsets of the neighbours; step k-1-i is the reverse of step i

    Returns the flow that passed through arcs. A voxel that neither side reaches lies on the sink's.
    """
    n = len(terminal)
    voxels = np.zeros((n, 4), np.int32)
    following = np.full(n, -1, np.int32)  # of active voxels; a voxel is its own where it is the last
    ends = np.full(4, -1, np.int32)  # first and last of the two lists of active voxels
    orphans = np.empty(n, np.int32)  # of each orphan the next one: none is there twice
    line = np.full(2, -1, np.int32)  # first and last orphan
    for i in range(n):
        if terminal[i] != 0:
            voxels[i, TREE] = SOURCE if terminal[i] > 0 else SINK
            voxels[i, PARENT], voxels[i, DEPTH] = ROOT, 1
            _activate(np.int32(i), following, ends)
        else:
            voxels[i, PARENT] = NONE
    flow, time, current = 0.0, np.int32(0), np.int32(-1)
    while True:
        v = current
        if v >= 0:
            following[v] = -1
            if voxels[v, PARENT] == NONE:
                v = np.int32(-1)
        if v < 0:
            v = _next_active(voxels, following, ends)
            if v < 0:
                break
        met, arc = _grow(v, voxels, arcs, steps, following, ends)
        time += np.int32(1)
        if met < 0:
            current = np.int32(-1)
            continue
        following[v] = v  # it stays active
        current = v
        flow += _augment(met, arc, voxels, terminal, arcs, steps, orphans, line)
        while line[0] >= 0:
            u = line[0]
            line[0] = orphans[u]
            _adopt(u, time, voxels, arcs, steps, following, ends, orphans, line)
    for i in range(n):
        side[i] = voxels[i, TREE] == SOURCE
    return flow


@inlined
def _activate(v, following, ends):  # type: ignore[no-untyped-def]
    if following[v] < 0:
        if ends[3] >= 0:
            following[ends[3]] = v
        else:
            ends[2] = v
        ends[3] = v
        following[v] = v


@inlined
def _next_active(voxels, following, ends):  # type: ignore[no-untyped-def]
    while True:
        v = ends[0]
        if v < 0:
            ends[0], ends[1] = ends[2], ends[3]
            ends[2], ends[3] = -1, -1
            v = ends[0]
            if v < 0:
                return np.int32(-1)
        if following[v] == v:
            ends[0], ends[1] = -1, -1
        else:
            ends[0] = following[v]
        following[v] = -1
        if voxels[v, PARENT] != NONE:
            return v


@inlined
def _grow(v, voxels, arcs, steps, following, ends):  # type: ignore[no-untyped-def]
    """Let a voxel's tree grow; returns the voxel and the arc from the source's tree to the sink's where they meet."""
    many = len(steps)
    ours, stamp, deeper = voxels[v, TREE], voxels[v, STAMP], voxels[v, DEPTH] + np.int32(1)
    for k in range(many):
        u = v + steps[k]
        back = many - 1 - k
        theirs = voxels[u, TREE]
        if theirs == ours and (voxels[u, STAMP] > stamp or voxels[u, DEPTH] < deeper):
            continue
        if (arcs[v, k] if ours == SOURCE else arcs[u, back]) <= 0:
            continue
        if theirs == FREE:
            voxels[u, TREE], voxels[u, PARENT], voxels[u, STAMP], voxels[u, DEPTH] = ours, back, stamp, deeper
            _activate(u, following, ends)
        elif theirs == ours:
            voxels[u, PARENT], voxels[u, STAMP], voxels[u, DEPTH] = back, stamp, deeper
        elif ours == SOURCE:
            return v, k
        else:
            return u, back
    return np.int32(-1), 0


@inlined
def _augment(v, k, voxels, terminal, arcs, steps, orphans, line):  # type: ignore[no-untyped-def]
    """Send what fits from the source to voxel v, along arc k and on to the sink; who loses a parent lines up."""
    many = len(steps)
    w = v + steps[k]
    least = arcs[v, k]
    u = v
    while voxels[u, PARENT] != ROOT:
        p = voxels[u, PARENT]
        u += steps[p]
        least = min(least, arcs[u, many - 1 - p])
    least = min(least, terminal[u])
    u = w
    while voxels[u, PARENT] != ROOT:
        p = voxels[u, PARENT]
        least = min(least, arcs[u, p])
        u += steps[p]
    least = min(least, -terminal[u])

    arcs[v, k] -= least
    arcs[w, many - 1 - k] += least
    u = v
    while voxels[u, PARENT] != ROOT:
        p = voxels[u, PARENT]
        up = u + steps[p]
        arcs[u, p] += least
        arcs[up, many - 1 - p] -= least
        if arcs[up, many - 1 - p] <= 0:
            _orphan(u, voxels, orphans, line)
        u = up
    terminal[u] -= least
    if terminal[u] <= 0:
        _orphan(u, voxels, orphans, line)
    u = w
    while voxels[u, PARENT] != ROOT:
        p = voxels[u, PARENT]
        down = u + steps[p]
        arcs[down, many - 1 - p] += least
        arcs[u, p] -= least
        if arcs[u, p] <= 0:
            _orphan(u, voxels, orphans, line)
        u = down
    terminal[u] += least
    if terminal[u] >= 0:
        _orphan(u, voxels, orphans, line)
    return least


@inlined
def _orphan(u, voxels, orphans, line):  # type: ignore[no-untyped-def]
    if line[0] < 0:
        line[0] = u
    else:
        orphans[line[1]] = u
    line[1] = u
    orphans[u] = -1
    voxels[u, PARENT] = ORPHAN


@inlined
def _adopt(u, time, voxels, arcs, steps, following, ends, orphans, line):  # type: ignore[no-untyped-def]
    """Find an orphan another parent in its tree, the nearest to the root; or let it, and its children, go."""
    many = len(steps)
    ours = voxels[u, TREE]
    best, nearest = np.int32(NONE), np.int32(FAR)
    for k in range(many):
        w = u + steps[k]
        if voxels[w, TREE] != ours:
            continue
        if (arcs[w, many - 1 - k] if ours == SOURCE else arcs[u, k]) <= 0:
            continue
        d, x = np.int32(0), w
        while True:
            if voxels[x, STAMP] == time:
                d += voxels[x, DEPTH]
                break
            p = voxels[x, PARENT]
            d += np.int32(1)
            if p == ROOT:
                voxels[x, STAMP], voxels[x, DEPTH] = time, 1
                break
            if p == ORPHAN:
                d = np.int32(FAR)
                break
            x += steps[p]
        if d < FAR:
            if d < nearest:
                nearest, best = d, np.int32(k)
            x = w
            while voxels[x, STAMP] != time:
                voxels[x, STAMP], voxels[x, DEPTH] = time, d
                d -= np.int32(1)
                x += steps[voxels[x, PARENT]]
    voxels[u, PARENT] = best
    if best != NONE:
        voxels[u, STAMP], voxels[u, DEPTH] = time, nearest + np.int32(1)
        return
    voxels[u, TREE] = FREE
    for k in range(many):
        w = u + steps[k]
        if voxels[w, TREE] != ours:
            continue
        if (arcs[w, many - 1 - k] if ours == SOURCE else arcs[u, k]) > 0:
            _activate(w, following, ends)
        p = voxels[w, PARENT]
        if p == many - 1 - k:
            _orphan(w, voxels, orphans, line)
