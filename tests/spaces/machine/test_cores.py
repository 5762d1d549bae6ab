import os
import subprocess
import sys

import pytest

from spaces.machine.cores import cores, threads

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
