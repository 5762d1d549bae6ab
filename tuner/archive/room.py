"""Room on the disk: what is full, how much is needed, and what may be deleted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spaces.machine.disk import NotWritable, cache_folder, lacks_room, size_of

_MEGA = 1e6


class NoRoom(OSError):
    """A disk is full; the message says which, how much is needed, and what may be deleted."""


@contextmanager
def said_when_full(study: Path, *, place: Path | None = None) -> Iterator[None]:
    """Say in a sentence that the disk is full, where the block finds it so.

    Args:
        study: The study's folder.
        place: What is written, where that is not the study.

    Raises:
        NoRoom: It is full.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, NoRoom) or not lacks_room(error):
            raise
        raise NoRoom(_said(study, place or study)) from None


def _said(study: Path, place: Path) -> str:
    there = next((path for path in (place, *place.parents) if path.is_dir()), Path("/"))
    free = shutil.disk_usage(there).free / _MEGA
    trial = max((size_of(path) for path in study.glob("trials/*")), default=0) / _MEGA
    needed = f", and a trial of this study takes up to {trial:,.1f} MB" if trial else ""
    try:
        cache = f"{cache_folder()}, and "
    except NotWritable:
        cache = ""
    return (
        f"the disk that holds {place} is full: {free:,.1f} MB are free{needed}. What ended is kept; make room, and the "
        f"same call goes on. What may be deleted at any time: {cache}in a study joint, seeds and refit"
    )
