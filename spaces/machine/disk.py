"""Files that are whole or not there, and the user's cache of what can be computed again."""

from __future__ import annotations

import errno
import glob
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_FULL = (os.strerror(errno.ENOSPC), "disk is full")  # Keras and XGBoost hand on the first, SQLite says the second

_INSTEAD = "set $TUNER_CACHE to a folder that can be written; it keeps what can be computed again"


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder and below; none where it is not there."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class NotWritable(OSError):
    """A folder in which nothing can be kept; the message says what to do."""


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield a place to write to, of the same ending, which takes the place of a file or folder when the block ends.

    Where the block raises, what was written is removed, and what was there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part, old = _part(path), _part(path)
    try:
        yield part
        if path.is_dir():
            os.replace(path, old)
        os.replace(part, path)
    finally:
        _delete(part)
        _delete(old)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let one process or thread at a time write a file or folder, and delete what killed ones left of it half written.

    The others wait. An empty file beside it, `.NAME.lock`, stays.
    """
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        delete_parts(path)
        yield


def delete_parts(path: Path) -> None:
    """Delete what killed processes left of a file or folder half written; nobody else may write it meanwhile."""
    for left in path.parent.glob(f"{glob.escape(path.stem)}.{'[0-9a-f]' * 32}.part{glob.escape(path.suffix)}"):
        _delete(left)


def _part(path: Path) -> Path:
    return path.with_name(f"{path.stem}.{uuid4().hex}.part{path.suffix}")


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file that is whole or not there."""
    with replaced(path) as part:
        part.write_text(text)


def lacks_room(error: BaseException) -> bool:
    """Return whether an error says that a disk is full, or a quota used up, whichever library says it."""
    said = str(error)
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or any(one in said for one in _FULL)


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Let a file stand at a second place: the same bytes within one file system, a copy elsewhere.

    Neither is to be changed in place afterwards.
    """
    real = os.path.realpath(source)  # a link to a symbolic link would be one
    try:
        os.link(real, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(real, target)


def kept(path: Path, write: Callable[[Path], None], *, there: Callable[[Path], bool] = Path.exists) -> Path:
    """Return a file that is written once; other processes and threads wait for it meanwhile.

    Args:
        path: The file; its name says all that it depends on.
        write: Writes it to a place that it is given, where it is not there yet.
        there: Tells whether it is.

    Raises:
        NotWritable: Its folder cannot be written.
    """
    if not there(path):
        _must_take(path.parent)
        with alone(path):
            if not there(path):
                with replaced(path) as part:
                    write(part)
    return path


def cache_folder() -> Path:
    """Return where what can be computed again is kept: `$TUNER_CACHE`, or else `tuner` in the user's cache folder.

    Raises:
        NotWritable: The user has no home.
    """
    if own := os.environ.get("TUNER_CACHE"):
        return Path(own)
    if theirs := os.environ.get("XDG_CACHE_HOME"):
        return Path(theirs) / "tuner"
    try:
        return Path.home() / ".cache" / "tuner"
    except RuntimeError:
        raise NotWritable(f"this user has no home folder for a cache: {_INSTEAD}") from None


def can_take(folder: Path) -> bool:
    """Return whether something can be written into a folder, which need not be there yet."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK)


def _must_take(folder: Path) -> None:
    if not can_take(folder):
        raise NotWritable(f"{folder} cannot be written" + (f": {_INSTEAD}" if _is_in_cache(folder) else ""))


def _is_in_cache(folder: Path) -> bool:
    try:
        return folder.is_relative_to(cache_folder())
    except NotWritable:
        return False
