"""Files that are cut off, overwritten or something else are told by their name."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from spaces.machine.torn import Torn, is_array, is_whole, map_array, read_arrays, read_list, read_record


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_arrays_are_told_by_the_name_of_their_file(tmp_path, save):
    path = tmp_path / "a.npz"
    save(path, values=np.random.default_rng(0).normal(size=100))
    whole = path.read_bytes()
    np.testing.assert_array_equal(read_arrays(path)["values"], np.random.default_rng(0).normal(size=100))
    middle = len(whole) // 2
    changed = whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 40]) + whole[middle + 40 :]
    for damaged in (b"", whole[:middle], b"\0" * len(whole), changed):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=re.escape(f"{path} ")):
            read_arrays(path)


HARM = {
    "empty": lambda whole: b"",
    "half": lambda whole: whole[: len(whole) // 2],
    "bytes": lambda whole: bytes(range(256)),
    "list": lambda whole: b"[1]",
    "object": lambda whole: b'{"b": 1}',
    "null": lambda whole: b"null",
    "text": lambda whole: b'"a"',
    "deep": lambda whole: b"[" * 100_000,
}


def record(path):
    return read_record(path, {"a": int})


def save_json(path, value):
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(
    ("read", "save", "value"),
    [(record, save_json, {"a": 1}), (read_list, save_json, [[1, 2], [3]]), (map_array, np.save, np.arange(100))],
)
def test_a_file_that_is_something_else_is_told_by_its_name(tmp_path, read, save, value):
    path = tmp_path / "file.npy"
    save(path, value)
    assert np.array_equal(read(path), value) if read is map_array else read(path) == value
    whole = path.read_bytes()
    for name, harm in HARM.items():
        if not (read is read_list and name == "list"):
            path.write_bytes(harm(whole))
            with pytest.raises(Torn, match=re.escape(f"{path} is damaged: ")):
                read(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read(path)
    path.mkdir()
    with pytest.raises(Torn, match="is damaged"):
        read(path)


def test_a_cut_at_any_place_is_seen_and_what_to_do_is_said(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(30))
    whole = path.read_bytes()
    for left in range(len(whole)):
        path.write_bytes(whole[:left])
        with pytest.raises(Torn, match=re.escape(f"{path} is damaged: run it again")):
            map_array(path, instead="run it again")


def test_what_is_kept_is_whole_or_not(tmp_path):
    path = tmp_path / "a.npy"
    assert not is_array(path, 9)
    np.save(path, np.zeros((9, 2)))
    assert is_array(path, 9)
    assert not is_array(path, 8)
    archive = tmp_path / "a.keras"
    assert not is_whole(archive)
    with archive.open("wb") as file:
        np.savez(file, a=np.zeros(9))
    assert is_whole(archive)
    for one in (path, archive):
        whole = one.read_bytes()
        for damaged in (b"", whole[: len(whole) // 2], bytes(len(whole))):
            one.write_bytes(damaged)
            assert not (is_array(one, 9) if one is path else is_whole(one))
