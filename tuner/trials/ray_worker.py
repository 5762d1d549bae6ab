"""A worker on a node of Ray: the same conversation as with a process, over an actor's one method."""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tuner.trials.worker import Session, Setup, serve


class RayWorker:
    """An actor that serves trials in a thread of its own.

    Args:
        setup: What a worker is told once.
        environment: Variables to set before libraries are imported.
        hidden: Variables that the user's code is not to see.
    """

    def __init__(self, setup: Setup, environment: Mapping[str, str], hidden: tuple[str, ...]) -> None:
        for name in hidden:
            os.environ.pop(name, None)
        os.environ.update(environment)
        # A node may keep its packages elsewhere.
        path = [*sys.path, *(one for one in setup.path if one not in sys.path)]
        self._ends = _Ends(queue.Queue(), queue.Queue())
        self._ends.incoming.put(replace(setup, path=path))
        threading.Thread(target=self._serve, daemon=True).start()

    def proceed(self, message: Any = None) -> Any:
        """Hand over what the driver says, if anything, and wait for what the worker says next."""
        if message is not None:
            self._ends.incoming.put(message)
        return self._ends.outgoing.get()

    def _serve(self) -> None:
        session = Session(self._ends)
        session.listen()
        try:
            serve(session)
        except BaseException:
            self._ends.send(("broken", traceback.format_exc()))


class _Ends:
    """Both ends of a conversation within a process, in the form of a connection."""

    def __init__(self, incoming: queue.Queue[Any], outgoing: queue.Queue[Any]) -> None:
        self.incoming, self.outgoing = incoming, outgoing

    def send(self, message: Any) -> None:
        self.outgoing.put(message)

    def recv(self) -> Any:
        return self.incoming.get()
