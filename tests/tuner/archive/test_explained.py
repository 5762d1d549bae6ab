"""A folder that explains itself."""

from __future__ import annotations

import re

import pandas as pd

from tuner.archive.explained import KeptLeaderboard
from tuner.cli import main


def test_a_folder_says_what_it_is_and_each_command_that_it_names_is_one(study):
    page = (study.folder / "README.md").read_text()
    assert "models that predict label" in page
    commands = set(re.findall(r"`tuner (\w+)", page))
    assert commands >= {"status", "leaderboard", "show", "predict"}
    assert commands <= set(main.commands)
    for name in re.findall(r"^\| `([\w.]+/?)`", page, re.MULTILINE):
        if name not in ("study.toml", "ensemble/"):  # this one was begun in Python
            assert (study.folder / name).exists(), name


def test_the_leaderboard_is_kept_at_the_end_and_now_and_then(study, monkeypatch):
    path = study.folder / "leaderboard.csv"
    assert pd.read_csv(path)["trial"].tolist() == study.leaderboard()["trial"].tolist()
    path.unlink()
    kept = KeptLeaderboard(study)
    kept.told()
    assert not path.exists()
    monkeypatch.setattr("tuner.archive.explained._SECONDS", -1.0)
    kept.told()
    assert path.exists()
