"""The study file as it was run."""

from __future__ import annotations

import tomllib

from tuner.commands.kept_file import resolved
from tuner.studyfile import checked


def test_a_kept_file_says_the_same_from_anywhere_and_no_password(tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    raw = {
        "study": {
            "name": "x",
            "tracking": "postgresql://ann:secret@db.example/mlflow",
            "pruner": None,
            "progress": False,
        },
        "budget": {"trials": 3, "time": None},
        "data": {"train": "rows.csv", "target": "b", "test": 0.2, "drop": ["ä [b]"], "split": {"kind": "kfold"}},
        "families": {"linear": {"alpha": {"low": 1e-7, "high": 10.0}}, "dense": {}},
    }
    text = resolved(raw, tmp_path)
    assert "secret" not in text
    read = tomllib.loads(text)
    checked(read)
    assert read["data"] == {**raw["data"], "train": str(tmp_path / "rows.csv")}
    assert read["families"] == raw["families"]
    assert read["budget"] == {"trials": 3}
    assert read["study"]["pruner"] == "none"
