"""Callbacks of networks, from a call or a study file, in this process and in workers."""

from __future__ import annotations

import keras
import pytest
from click.testing import CliRunner
from small import make_frame

import tuner
from tuner.archive.study_folder import StudyError
from tuner.cli import main

STUDY = """
[study]
name = "told"
workers = 1
tracking = "none"
callbacks = [{ "toys.callbacks:Notes" = { epochs = 2 } }, { ModelCheckpoint = { filepath = "best.keras" } }]
[budget]
trials = 1
[data]
train = "train.csv"
target = "label"
split = { kind = "kfold", folds = 2 }
[families.dense]
epochs = 4
[ensemble]
method = "uniform"
"""


def test_callbacks_without_a_network_are_refused(tmp_path):
    task = tuner.Task(make_frame(90), "label", split={"kind": "holdout"})
    with pytest.raises(ValueError, match="callbacks are for networks, and baseline, linear have none"):
        tuner.tune(task, ["linear"], callbacks=["EarlyStopping"], folder=tmp_path / "study")


@pytest.mark.slow
def test_a_study_file_names_callbacks_and_workers_call_them(tmp_path):
    make_frame(120).to_csv(tmp_path / "train.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY)
    result = CliRunner().invoke(main, ["run", str(tmp_path / "study.toml")])
    assert result.exit_code == 0, result.output
    attempt = tmp_path / "runs" / "told" / "trials" / "dense-000000" / "1"
    for k in range(2):
        written = attempt / "callbacks" / f"fold-{k}"
        assert sorted(path.name for path in written.iterdir()) == ["best.keras", "epoch-0.json", "epoch-1.json"]
        keras.models.load_model(written / "best.keras")
    study = tuner.load_study(tmp_path / "runs" / "told")
    with pytest.raises(StudyError, match="had no callbacks of your own"):
        study.ensemble("uniform").refit()
