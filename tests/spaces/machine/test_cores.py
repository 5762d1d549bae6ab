import os
import subprocess
import sys

import pytest

from spaces.machine.cores import cores, crowding, threads, threads_for

PRINT = "from spaces.machine.cores import cores; print(cores())"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_cores_are_those_the_process_may_use() -> None:
    one = min(os.sched_getaffinity(0))
    allowed = f"import os; os.sched_setaffinity(0, {{{one}}}); {PRINT}"
    assert subprocess.check_output([sys.executable, "-c", allowed], text=True) == "1\n"


def test_a_studys_share_comes_before_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNER_THREADS", "3")
    assert threads() == 3
    monkeypatch.delenv("TUNER_THREADS")
    assert threads() == cores() >= 1


def test_boosted_trees_take_another_thread_only_for_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNER_THREADS", "3")
    few, more, many = threads_for(5000, 50), threads_for(10_000, 50), threads_for(10**6, 50)
    assert (threads_for(0, 4), few, more, many) == (1, 1, 2, 3)


def test_a_machine_is_as_crowded_as_processes_want_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (5.0, 0.0, 0.0))
    assert crowding() == 2.5
    monkeypatch.setattr(os, "getloadavg", lambda: (0.2, 9.0, 9.0))
    assert crowding() == 1.0
