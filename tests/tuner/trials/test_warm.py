"""What the driver knows of warm workers."""

import time

import pytest

from tuner.trials.outcome import Job
from tuner.trials.warm import Starts, Warm, idle, wait_at_most

JOB = Job("linear", 0, 1, {}, 7, "there", seconds=100.0)


def test_a_worker_takes_a_job_when_it_is_ready_and_idle_and_hangs_when_its_patience_is_over():
    workers = [Warm(), Warm(ready=True), Warm(ready=True)]
    workers[1].begin(JOB)
    assert idle(workers) == [workers[2]]
    assert wait_at_most(workers, 1000.0) <= JOB.patience
    assert wait_at_most([], 3.0) == wait_at_most(workers, 3.0) == 3.0
    assert not workers[1].hangs
    workers[1].deadline = time.monotonic() - 1
    assert workers[1].hangs
    assert wait_at_most(workers, 3.0) == 0.0
    workers[1].end()
    assert not workers[1].hangs
    assert idle(workers) == workers[1:]


@pytest.mark.parametrize(
    ("said", "how_many", "complaint"),
    [("no module", 3, "workers cannot start; the last one said:\nno module"), (None, 20, "20 workers in a row")],
)
def test_workers_that_end_by_themselves_are_given_up_soon_and_killed_ones_later(said, how_many, complaint):
    starts = Starts()
    assert not any(starts.failed(said) for _ in range(how_many - 1))
    starts.succeeded()
    assert not any(starts.failed(said) for _ in range(how_many - 1))
    assert starts.failed(said).startswith(complaint)
