"""A user's own file of our packages' names is named, before anything of it is run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tuner.in_the_way import InTheWay, check, check_folder

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["spaces.py", "ensembles.py", "spaces/__init__.py"])
def test_import_tuner_names_the_file_that_is_in_the_way(tmp_path, name):
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    place.write_text("print('this is not to be run')\n")
    (tmp_path / "script.py").write_text(f"import sys\nsys.path.append({str(ROOT)!r})\nimport tuner\n")
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env={}, capture_output=True, text=True)
    mine = place if place.parent == tmp_path else place.parent
    assert f"{mine} is in the way" in done.stderr
    assert f"Rename the {'file' if mine.suffix else 'folder'} (such as my_{mine.name})" in done.stderr
    assert "not to be run" not in done.stdout
    with pytest.raises(InTheWay, match="is in the way"):
        check_folder(tmp_path)


def test_our_own_packages_are_not_in_the_way():
    check()
    check_folder(ROOT)
