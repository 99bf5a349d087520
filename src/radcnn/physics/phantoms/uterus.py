"""A female pelvis in sagittal T2-weighted MR: a uterus between bladder, bowel and rectum, sick or healthy (P4).

x to the patient's left, y to the back, z to the head (LPS, mm). Slices are sagittal, rows go from head to foot and
columns from front to back. A uterus is a tilted pear with a bright stripe of endometrium, a dark junctional zone and
a cervix. Disorders are as often as in Kurata et al. 2019 (Comput Biol Med 114:103438; 122 women: 55 with leiomyomas,
14 with endometrial and 15 with cervical cancer): leiomyomas are dark balls that bulge the wall, cancers are masses of
a level between. The outline holds all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radcnn.physics.phantoms.mr_grid import SITES, Array, MRGrid, MRImage, bumpy_organ, measured, mr_images

GRID = MRGrid(pixel_mm=1.2, slice_mm=5.0, size=192, slices=9, planes=3)
FAT, MUSCLE, BONE, URINE, WALL = 0.72, 0.22, 0.5, 1.0, 0.3
NONE = "none"
DISORDERS = {"leiomyoma": 55 / 122, "endometrial cancer": 14 / 122, "cervical cancer": 15 / 122}


def uterus_images(count: int, *, seed: int = 0, told: Callable[[int, int], None] | None = None) -> Iterator[MRImage]:
    """`count` pelves of women; see `mr_grid.mr_images`."""
    return mr_images(draw_uterus, "uterus", count, seed, told)


def sagittal_affine() -> NDArray[np.float64]:
    """Indices (slice, row, column) to LPS mm: slices to the left, rows to the feet, columns to the back."""
    made = np.zeros((4, 4))
    step = -GRID.pixel_mm, GRID.pixel_mm, GRID.slice_mm
    middle = (GRID.size - 1) / 2 * GRID.pixel_mm
    made[0, 0], made[2, 1], made[1, 2], made[3, 3] = step[2], step[0], step[1], 1
    made[:3, 3] = -(GRID.slices - 1) / 2 * GRID.slice_mm, -middle, middle
    return made


class _Pear(NamedTuple):
    """A uterus in its own directions: along to the fundus, up from its back wall, across; mm from the isthmus."""

    along: Array
    up: Array
    across: Array
    length: float
    thick: float
    wide: float


def draw_uterus(chance: np.random.Generator) -> MRImage:
    """One patient."""
    site = list(SITES)[int(chance.integers(len(SITES)))]
    kind = str(chance.choice([*DISORDERS, NONE], p=[*DISORDERS.values(), 1 - sum(DISORDERS.values())]))
    x, rows, y = GRID.places()
    z = -rows
    signal = np.full(GRID.shape, FAT, np.float32)
    signal += 0.05 * GRID.smooth(2.5, chance)
    pear = _pear(x, y, z, chance)
    _around(signal, x, y, z, chance)
    body, cervix = _shape(pear, chance)
    outline = _drawn(signal, pear, body, cervix, kind, chance)
    mask, ml = GRID.masked(outline)
    return MRImage(measured(GRID.thick(signal), z, y, site, chance), mask, site, ml, kind)  # the coil lies in front


def _pear(x: Array, y: Array, z: Array, chance: np.random.Generator) -> _Pear:
    """Where the uterus lies: usually tilted to the front, sometimes upright or to the back."""
    tilt = np.deg2rad(chance.normal(60, 28))  # of the fundus to the front, from upright
    at = chance.uniform((-6, 2, -22), (6, 16, -2))  # the isthmus
    px, py, pz = x - at[0], y - at[1], z - at[2]
    along, up = pz * np.cos(tilt) - py * np.sin(tilt), pz * np.sin(tilt) + py * np.cos(tilt)
    length, thick, wide = chance.uniform((24, 15, 20), (36, 24, 29))
    return _Pear(along, up, px + 0 * along, length, thick, wide)


def _around(signal: Array, x: Array, y: Array, z: Array, chance: np.random.Generator) -> None:
    """Wall, bowel, sacrum, pubis, bladder, vagina and rectum, in place; what comes later covers what came before."""
    for _ in range(int(chance.integers(10, 18))):  # loops of bowel above
        at, size = chance.uniform((-26, -45, 22), (26, 40, 85)), chance.uniform(8, 17)
        loop = (
            np.sqrt(((x - at[0]) / 1.6) ** 2 + (y - at[1]) ** 2 + ((z - at[2]) / chance.uniform(0.7, 1.4)) ** 2) - size
        )
        GRID.lay(signal, loop, WALL)
        GRID.lay(signal, loop + 2.0, chance.uniform(0.05, 0.85) + 0.06 * GRID.smooth(2.0, chance))
    front = y + 78 + 6 * np.sin(z / 40 + chance.uniform(0, 6)) + 0 * x
    GRID.lay(signal, np.abs(front - 12) - 5, MUSCLE)
    GRID.lay(signal, front, 0.02)
    curve = y - 62 + 0.006 * (z - 15) ** 2 + 0 * x
    GRID.lay(signal, -curve - 4, FAT)
    for k in range(-3, 4):
        back = 62 - 0.006 * (24 * k - 15) ** 2
        bone = np.maximum(np.abs(z - 24 * k + 0.3 * (y - back)) - 10, np.abs(y - back - 8) - 11) + 0 * x
        GRID.lay(signal, bone, BONE + 0.05 * GRID.smooth(1.5, chance))
    pubis = np.hypot((y + 58) / 9, (z + 52) / 16) - 1 + 0 * x
    GRID.lay(signal, pubis * 9, 0.06)
    GRID.lay(signal, pubis * 9 + 2, BONE)
    tall, deep = (float(mm) for mm in chance.uniform((8, 14), (30, 30)))
    bladder = np.sqrt((x / 36) ** 2 + ((y + 30) / deep) ** 2 + ((z + 42 - 0.4 * tall) / tall) ** 2) - 1
    GRID.lay(signal, bladder * min(tall, deep) - 2.5, WALL)
    GRID.lay(signal, bladder * min(tall, deep), URINE)
    radius = chance.uniform(8, 15) * (1 + 0.2 * np.sin(z / 13 + chance.uniform(0, 6)))
    rectum = np.hypot(x, y - 40 + 0.005 * (z - 5) ** 2) - radius
    rectum = np.maximum(rectum, z - 55)
    GRID.lay(signal, rectum - 2.5, WALL)
    GRID.lay(signal, rectum, 0.03 if chance.random() < 0.4 else chance.uniform(0.3, 0.65))
    vagina = np.maximum(np.hypot((y - 8 - 0.15 * (z + 30)) / 6, x / 16) - 1, np.abs(z + 58) / 36 - 1)
    GRID.lay(signal, vagina * 6, 0.34)
    GRID.lay(signal, vagina * 6 + 3.5, 0.6)


def _shape(pear: _Pear, chance: np.random.Generator) -> tuple[Array, Array]:
    """Signed distances to the body and to the cervix."""
    half = np.array([pear.length, pear.thick, pear.wide])
    body = bumpy_organ(pear.along - 0.85 * pear.length, pear.up, pear.across, half, chance, rough=0.05)
    long, radius = (float(mm) for mm in chance.uniform((15, 11), (22, 15)))
    bent = pear.up - chance.uniform(-0.25, 0.25) * np.clip(-pear.along, 0, None)
    middle = pear.along + 0.55 * long
    beyond = np.clip(np.abs(middle) - (long - 0.6 * radius), 0, None)  # its ends are round
    cervix = (np.sqrt(bent**2 + pear.across**2 + (beyond / 0.6) ** 2) - radius).astype(np.float32)
    return body, cervix


def _drawn(signal: Array, pear: _Pear, body: Array, cervix: Array, kind: str, chance: np.random.Generator) -> Array:
    """The uterus laid into the image; returns the signed distance to all that belongs to it."""
    outline = np.minimum(body, cervix)
    wall = chance.uniform(0.34, 0.5) + 0.06 * GRID.smooth(2.0, chance)
    GRID.lay(signal, outline, wall)
    inner = np.array([pear.length, pear.thick, pear.wide]) * chance.uniform((0.62, 0.12, 0.45), (0.78, 0.3, 0.65))
    lining = bumpy_organ(pear.along - 0.85 * pear.length, pear.up, pear.across, inner, chance, rough=0.08)
    GRID.lay(signal, np.maximum(lining - chance.uniform(2.0, 4.5), body + 2), chance.uniform(0.18, 0.28))
    GRID.lay(signal, lining, chance.uniform(0.7, 0.95))
    GRID.lay(signal, cervix + 1.5, chance.uniform(0.16, 0.26))
    canal = np.maximum(np.hypot(pear.up, pear.across) - 2.2, cervix + 3)
    GRID.lay(signal, canal, 0.8)
    if kind == "leiomyoma":
        for _ in range(int(chance.integers(1, 6))):
            outline = np.minimum(outline, _leiomyoma(signal, pear, chance))
    elif kind == "endometrial cancer":
        half = chance.uniform(7, 16) * chance.uniform(0.8, 1.3, 3)
        at = chance.uniform(0.5, 1.2) * pear.length
        mass = bumpy_organ(pear.along - at, pear.up, pear.across, half, chance, rough=0.15)
        GRID.lay(signal, np.maximum(mass, body + 1.5), chance.uniform(0.5, 0.66) + 0.05 * GRID.smooth(1.5, chance))
    elif kind == "cervical cancer":
        half = chance.uniform(10, 20) * chance.uniform(0.8, 1.3, 3)
        mass = bumpy_organ(pear.along + chance.uniform(6, 16), pear.up, pear.across, half, chance, rough=0.15)
        GRID.lay(signal, mass, chance.uniform(0.46, 0.62) + 0.05 * GRID.smooth(1.5, chance))
        outline = np.minimum(outline, mass)
    return outline.astype(np.float32)


def _leiomyoma(signal: Array, pear: _Pear, chance: np.random.Generator) -> Array:
    """A dark ball with whorls in the wall, or hanging from it; some are bright where they degenerate."""
    size = float(np.clip(np.exp(chance.normal(2.4, 0.5)), 4, 34))
    angle, turn = chance.uniform(0, 2 * np.pi), chance.uniform(-0.8, 0.8)
    far = chance.uniform(0.55, 1.15)  # from the middle of the body to its surface
    at = np.array([np.cos(angle) * pear.length, np.sin(angle) * pear.thick, np.sin(turn) * pear.wide]) * far
    ball = bumpy_organ(
        pear.along - 0.85 * pear.length - at[0], pear.up - at[1], pear.across - at[2], np.full(3, size), chance,
        rough=0.04,
    )  # fmt: skip
    level = chance.uniform(0.14, 0.28) if chance.random() < 0.8 else chance.uniform(0.5, 0.85)
    whorls = 0.05 * np.sin(ball / chance.uniform(1.5, 2.5) + GRID.smooth(6.0, chance))
    GRID.lay(signal, ball, level + whorls + 0.04 * GRID.smooth(1.5, chance))
    return ball
