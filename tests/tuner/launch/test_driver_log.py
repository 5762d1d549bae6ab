"""What a launch says, in Python's logging and in a file."""

from __future__ import annotations

import logging

import pytest

from tuner.launch.driver_log import LOGGER, DriverLog
from tuner.launch.progress import Display


@pytest.fixture
def heard():
    """What the handlers of a user hear."""
    records: list[logging.LogRecord] = []
    listener = logging.Handler()
    listener.emit = records.append
    LOGGER.addHandler(listener)
    yield records
    LOGGER.removeHandler(listener)
    LOGGER.setLevel(logging.NOTSET)


def test_lines_go_to_the_file_and_to_handlers_that_want_them(tmp_path, heard):
    with DriverLog(tmp_path) as log:
        log.line("for the file alone: the level is WARNING where nobody says otherwise")
        LOGGER.setLevel(logging.INFO)
        log.line("100% [of it]")
        LOGGER.warning("said by another part")
    LOGGER.warning("said afterwards")
    assert [record.getMessage() for record in heard] == ["100% [of it]", "said by another part", "said afterwards"]
    lines = (tmp_path / "driver.log").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == [
        "INFO for the file alone: the level is WARNING where nobody says otherwise",
        "INFO 100% [of it]",
        "WARNING said by another part",
    ]


def test_two_studies_at_once_do_not_mix_their_lines(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    LOGGER.setLevel(logging.INFO)
    try:
        with DriverLog(tmp_path / "a") as one, DriverLog(tmp_path / "b") as other:
            one.line("of the first")
            other.line("of the second")
    finally:
        LOGGER.setLevel(logging.NOTSET)
    assert "second" not in (tmp_path / "a" / "driver.log").read_text()


def test_a_line_is_seen_once_in_the_terminal_and_warnings_still_are(tmp_path, capsys):
    with DriverLog(tmp_path) as log:
        Display(3, "rmse", silent=False, log=log).say("a line")
        Display(3, "rmse", silent=True, log=log).say("quiet")
    assert capsys.readouterr().err == "a line\n"
    assert "INFO quiet" in (tmp_path / "driver.log").read_text()
