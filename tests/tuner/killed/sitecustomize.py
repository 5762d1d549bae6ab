"""Python imports this when a process begins that has this folder on its path: workers are killed as drivers are."""

import sys
from pathlib import Path

if any("tuner.trials.worker" in word or "default_worker.py" in word for word in sys.orig_argv):
    sys.path.append(str(Path(__file__).parents[1]))
    import commit_points

    commit_points.install("worker")
