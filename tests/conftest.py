"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

# Machines are shared and noisy: no property is timed.
settings.register_profile("shared", deadline=None, max_examples=50)
settings.load_profile("shared")
