"""Seals of finished folds, as a disk may have torn them."""

from __future__ import annotations

import random

import numpy as np

from tuner.trials.sealed_folds import SealedFold, take_over

FOLD = SealedFold(np.arange(12.0).reshape(6, 2), 0.5, {"auc": 0.5}, {"auc": 0.9}, {"loss": [1.0, 0.5]})


def test_100_random_changes_of_a_seal_cost_the_fold_or_change_nothing(tmp_path):
    before, now = tmp_path / "1", tmp_path / "2"
    for folder in (before / "fold-0", now):
        folder.mkdir(parents=True)
    (before / "fold-0" / "model.json").write_text("{}")
    FOLD.seal(before, 0)
    seal = before / "sealed-0.npz"
    whole, lost = seal.read_bytes(), 0
    for seed in range(100):
        rng, changed = random.Random(seed), bytearray(whole)
        changed[rng.randrange(len(whole))] = rng.randrange(256)
        seal.write_bytes(changed[: rng.choice([len(whole), len(whole), rng.randrange(len(whole))])])
        taken = take_over(now)
        lost += not taken
        for one in taken:
            np.testing.assert_array_equal(one.predictions, FOLD.predictions)
            (now / "fold-0").rename(before / "fold-0")
            (now / seal.name).rename(seal)
    assert 30 < lost < 100
