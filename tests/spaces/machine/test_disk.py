"""Files are whole or not there, and written once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from spaces.machine.disk import (
    NotWritable,
    cache_folder,
    can_take,
    kept,
    link_or_copy,
    replaced,
    write_text,
)


def _half(path: Path) -> None:
    """Write half of a file, or of a folder where there is no ending."""
    with replaced(path) as part:
        if path.suffix:
            assert part.suffix == path.suffix  # np.savez and Keras go by the ending
            part.write_text("half of")
        else:
            part.mkdir()
            (part / "half").touch()
        raise InterruptedError


def test_what_was_there_stays_until_the_new_is_whole(tmp_path):
    path = tmp_path / "deep" / "study.json"
    write_text(path, "one")
    with pytest.raises(InterruptedError):
        _half(path)
    assert path.read_text() == "one"
    write_text(path, "two")
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_takes_the_place_of_a_folder(tmp_path):
    path = tmp_path / "ensemble"
    for name in ("old", "new"):
        with replaced(path) as part:
            part.mkdir()
            (part / name).touch()
    with pytest.raises(InterruptedError):
        _half(path)
    assert [one.name for one in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_many_at_once_write_once(tmp_path):
    written, path = [], tmp_path / "cache" / "features.npy"
    start = threading.Barrier(4)

    def write(part: Path) -> None:
        written.append(part)
        part.write_text("all")

    def ask() -> None:
        start.wait()
        assert kept(path, write).read_text() == "all"

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 1


WRITES = """
import sys
from pathlib import Path
from spaces.machine.disk import alone, replaced

path = Path(sys.argv[1])
for _ in range(5):
    with alone(path), replaced(path) as part:
        part.mkdir()
        for k in range(20):
            (part / str(k)).write_text(sys.argv[2])
"""


def test_several_processes_replace_a_folder_and_one_that_is_killed_leaves_nothing_for_ever(tmp_path):
    path = tmp_path / "ensemble [1]"
    writers = [subprocess.Popen([sys.executable, "-c", WRITES, str(path), str(k)]) for k in range(2)]
    killed = subprocess.Popen([sys.executable, "-c", WRITES.replace("range(5)", "iter(int, 1)"), str(path), "killed"])
    assert [writer.wait(60) for writer in writers] == [0, 0]
    while not list(tmp_path.glob("*.part")):
        assert killed.poll() is None
    killed.kill()
    killed.wait()
    subprocess.run([sys.executable, "-c", WRITES, str(path), "last"], check=True)
    assert {one.read_text() for one in path.iterdir()} == {"last"}
    assert sorted(one.name for one in tmp_path.iterdir()) == [".ensemble [1].lock", "ensemble [1]"]


def test_nobody_else_renames_a_part():
    root = Path(__file__).parents[3]
    files = [path for room in ("spaces", "tuner", "ensembles") for path in (root / room).rglob("*.py")]
    found = [path.name for path in files if re.search(r"os\.replace|uuid4\(\)\.hex\}", path.read_text())]
    assert found == ["disk.py"]


def test_a_second_place_costs_nothing_and_is_no_symbolic_link(tmp_path):
    first, alias = tmp_path / "model.bin", tmp_path / "alias.bin"
    first.write_bytes(b"weights")
    alias.symlink_to(first)
    for source in (first, alias):
        target = tmp_path / f"second-{source.name}"
        link_or_copy(source, target)
        assert not target.is_symlink()
        assert os.path.samefile(first, target)
    first.unlink()
    assert target.read_bytes() == b"weights"


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no second file system")
def test_another_file_system_gets_a_copy(tmp_path):
    source, target = tmp_path / "model.bin", Path("/dev/shm") / f"{tmp_path.name}-{os.getpid()}.bin"
    source.write_bytes(b"weights")
    try:
        link_or_copy(source, target)
        assert target.read_bytes() == b"weights"
    finally:
        target.unlink()


@pytest.mark.parametrize("name", ["TUNER_CACHE", "XDG_CACHE_HOME"])
def test_a_cache_that_cannot_be_written_says_what_to_set(monkeypatch, tmp_path, name):
    monkeypatch.delenv("TUNER_CACHE", raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setenv(name, str(tmp_path / "file" / "cache"))
    path = cache_folder() / "features" / "a.npy"
    with pytest.raises(NotWritable, match=rf"^{path.parent} cannot be written: set \$TUNER_CACHE to a folder that can"):
        kept(path, Path.touch)
    with pytest.raises(NotWritable, match=r"cannot be written$"):
        kept(tmp_path / "file" / "other" / "a.npy", Path.touch)
    assert not can_take(path.parent)
    assert can_take(tmp_path / "new" / "one")


def test_a_user_without_a_home_is_told_what_to_set():
    unknown = [
        "env",
        "-u",
        "HOME",
        "-u",
        "TUNER_CACHE",
        "-u",
        "XDG_CACHE_HOME",
        "unshare",
        "--user",
        "--map-user=54321",
    ]
    if subprocess.run([*unknown, "true"], capture_output=True).returncode:
        pytest.skip("this system has no user namespaces")
    code = "from spaces.machine.disk import cache_folder; cache_folder()"
    done = subprocess.run([*unknown, sys.executable, "-c", code], capture_output=True, text=True)
    assert "NotWritable: this user has no home folder for a cache: set $TUNER_CACHE to a folder" in done.stderr
