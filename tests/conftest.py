"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# The models of tests are tiny: more threads cost more than they bring.
for name in ("TUNER_THREADS", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(name, "1")

# Machines are shared and noisy: no property is timed.
settings.register_profile("shared", deadline=None, max_examples=50)
settings.load_profile("shared")
