"""What a launch says goes to Python's logging too, and to a file in the study's folder."""

from __future__ import annotations

import logging
from pathlib import Path
from types import TracebackType

LOGGER = logging.getLogger("tuner")
NAME = "driver.log"


class DriverLog:
    """The log of the process that drives a study.

    A handler of ours would keep Python from printing warnings where the user configured no logging, and a level of ours
    would print every line twice where he did. So the file listens as a filter, and lines are handed over to other
    handlers where their level lets them through.

    Args:
        folder: The study's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._file = _File(folder / NAME, encoding="utf-8")
        self._file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def __enter__(self) -> DriverLog:
        LOGGER.addFilter(self._listen)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        LOGGER.removeFilter(self._listen)
        self._file.close()

    def line(self, text: str) -> None:
        """Log a line that was said to the user."""
        record = LOGGER.makeRecord(LOGGER.name, logging.INFO, "", 0, text, (), None, extra={"said": True})
        self._file.handle(record)
        if LOGGER.isEnabledFor(logging.INFO):
            LOGGER.handle(record)

    def _listen(self, record: logging.LogRecord) -> bool:
        """Write what is logged elsewhere, and let it pass."""
        if not hasattr(record, "said"):  # those are in the log of their own study
            self._file.handle(record)
        return True


class _File(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Go on: a full disk must not end the study, nor fill the terminal."""
