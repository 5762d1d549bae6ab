"""The peak of memory is that of what ran since it was begun."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from spaces.machine.peak import begin_peak, peak_bytes

LARGE = 200_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")
def test_a_peak_is_forgotten_when_a_new_one_begins():
    begin_peak()
    before = peak_bytes()
    np.ones(LARGE, np.uint8).sum()
    during = peak_bytes()
    begin_peak()
    assert during - before > 0.8 * LARGE
    assert peak_bytes() < during - 0.8 * LARGE
