"""What was stored once loads and says what it said: bundles and studies of every stored name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extras import where_installed
from golden.make import BUNDLES, STUDIES, said_by_bundle, said_by_study

from ensembles.combiners.registry import COMBINERS
from spaces.store import FITTED, PREPARED

GOLDEN = Path(__file__).parent / "golden"
CLOSE = {"rtol": 1e-4, "atol": 1e-6}  # processors round differently


@pytest.mark.parametrize("name", where_installed(BUNDLES))
def test_a_bundle_says_what_it_said(name):
    folder = GOLDEN / "bundles" / name
    np.testing.assert_allclose(said_by_bundle(folder), np.load(folder / "expected.npy"), **CLOSE)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_says_what_it_said(name, tmp_path):
    folder = GOLDEN / "studies" / name
    copy = Path(shutil.copytree(folder / "study", tmp_path / "study"))  # an ensemble writes to its study
    np.testing.assert_allclose(said_by_study(copy), np.load(folder / "expected.npy"), **CLOSE)


def values(key: str, file: str) -> Iterator[Any]:
    """Find what stands under a key anywhere in the golden JSON files of a name."""

    def within(data: Any) -> Iterator[Any]:
        if isinstance(data, dict):
            yield from (data[key],) if key in data else ()
        for one in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
            yield from within(one)

    for path in GOLDEN.rglob(file):
        yield from within(json.loads(path.read_text()))


def test_every_stored_name_is_in_a_golden_file():
    assert set(FITTED) - set(values("library", "model.json")) == set()
    assert set(PREPARED) - set(values("kind", "model.json")) == set()
    assert set(COMBINERS) - set(values("kind", "combiner.json")) == set()


def test_golden_files_stay_small():
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*") if path.is_file()) < 5e6
