"""All chance comes from here: one seed and a path of words give an independent, repeatable stream.

    generator(7, "augment", epoch, batch)       a numpy Generator
    torch_generator(7, "augment", epoch, batch) the same idea for torch

Two different paths give statistically independent streams, so that the number of workers, the order of work or a
resumed run never changes a number.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derived_seed(seed: int, *path: str | int) -> int:
    """A 63-bit seed from a seed and a path; a number counts as its digits.

    >>> derived_seed(0, "split") == derived_seed(0, "split")
    True
    """
    # a slash inside a word (a case id, say) must not look like two words
    words = [str(word).replace("%", "%25").replace("/", "%2F") for word in path]
    text = "/".join([str(int(seed)), *words])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *path: str | int) -> np.random.Generator:
    """A numpy generator for this seed and path."""
    return np.random.default_rng(derived_seed(seed, *path))


def torch_generator(seed: int, *path: str | int) -> torch.Generator:
    """A torch CPU generator for this seed and path."""
    import torch

    made = torch.Generator()
    made.manual_seed(derived_seed(seed, *path))
    return made
