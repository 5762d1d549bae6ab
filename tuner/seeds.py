"""Randomness is derived: every random thing about a trial comes from (study seed, family, number)."""

from __future__ import annotations

import zlib

import numpy as np


def derive_seed(seed: int, family: str, *numbers: int) -> int:
    """Return a seed in [0, 2**31) that depends on all arguments.

    >>> derive_seed(0, "dense", 1) != derive_seed(0, "dense", 2)
    True
    """
    entropy = [seed, zlib.crc32(family.encode()), *numbers]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)
