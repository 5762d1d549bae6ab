"""Ctrl-C and its like: a study that is told to end, and how it says so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Interrupted(KeyboardInterrupt):
    """The study was stopped by the user; the same call continues it."""

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows: the display has said how to go on."""
        return [f"Interrupted: {self}"]


@contextmanager
def interruptible(interrupt: Callable[[], None]) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and a closed terminal (not under nohup) into a call, in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    hung_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    signals = (signal.SIGINT, signal.SIGTERM, *hung_up)
    before = [signal.signal(number, lambda *_: interrupt()) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
