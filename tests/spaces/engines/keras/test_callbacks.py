"""Callbacks of the user's: what they see, where they write, and which are refused."""

from __future__ import annotations

import json
from dataclasses import replace

import keras
import pytest
from toys.callbacks import EachBatch, Notes

from spaces import FAMILIES, defaults, narrow
from spaces.engines.curves import Curve
from spaces.engines.keras.callbacks import check


def fitted(d, folder, callbacks, *, steps=None):
    changes = {"epochs": 6, "schedule": ["constant"], "weight_averaging": ["none"]}
    config = defaults(narrow(FAMILIES["dense"].space(d.signature), changes))
    fold = replace(d.folds[0], callbacks=callbacks, folder=folder, steps=steps)
    (made,) = FAMILIES["dense"].build(config, d.signature).fit([fold], lambda *_: None)
    return made.curves


def test_callbacks_see_the_inner_rows_and_write_beside_the_trial(data, tmp_path):
    callbacks = ({"toys.callbacks:Notes": {"epochs": 3}}, {"CSVLogger": {"filename": "curves/log.csv"}})
    curves = fitted(data("binary"), tmp_path, callbacks)
    notes = [json.loads((tmp_path / f"epoch-{epoch}.json").read_text()) for epoch in range(3)]
    assert curves == {
        Curve("loss"): [one["loss"] for one in notes],
        Curve("loss", "validation"): [one["val_loss"] for one in notes],
    }
    assert set(notes[0]) == {"loss", "val_loss"}
    assert (tmp_path / "curves/log.csv").read_text().startswith("epoch,loss,val_loss")


def test_what_watches_rows_that_nobody_evaluates_is_left_out(data, tmp_path):
    stops = {"EarlyStopping": {"monitor": "val_loss", "patience": 0, "min_delta": 9.0}}
    assert len(fitted(data("binary"), tmp_path, (stops,))[Curve("loss")]) == 2
    assert len(fitted(data("binary"), tmp_path, (stops,), steps=4)[Curve("loss")]) == 4


def test_a_number_that_is_not_there_is_told_at_once(data, tmp_path):
    watches = {"EarlyStopping": {"monitor": "val_auc", "mode": "max"}}
    with pytest.raises(ValueError, match="EarlyStopping watches 'val_auc'; there is loss, val_loss"):
        fitted(data("binary"), tmp_path, (watches,))


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("EarlyStoping", "did you mean 'EarlyStopping'"),
        ("TerminateOnNaN", "a trial whose loss is NaN fails anyway"),
        ({"EarlyStopping": {"patients": 3}}, "EarlyStopping cannot be made.*patients"),
        ({"CSVLogger": {"filename": "/tmp/log.csv"}}, "a path within the trial's folder"),
        ({"ModelCheckpoint": {"filepath": "best.keras", "save_freq": 10}}, "save_freq=10"),
        ("toys.callbacks:Missing", "cannot be found"),
        (EachBatch, "on_train_batch_end, which is never called"),
        (lambda: 3, "must be a keras.callbacks.Callback"),
        (3, "a callback is a name"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_trained(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        check([wrong])


def test_ready_made_ones_and_factories_pass():
    check(
        [
            "EarlyStopping",
            {"ReduceLROnPlateau": {"factor": 0.5, "patience": 2}},
            {"ModelCheckpoint": {"filepath": "best.keras", "save_best_only": True}},
            lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch)),
            lambda folder: Notes(folder, 3),
        ]
    )
