"""The spaces of the families that read sequences step by step. No library is imported here: a space is data."""

from __future__ import annotations

from spaces.leaves import Choice, Float, Int
from spaces.signature import Signature
from spaces.space import Space
from spaces.tables import training

_MOST_STEPS = 128


def sequence_labels_space(signature: Signature) -> Space:
    """Return the space: both directions by default, as the label of a word may depend on the words after it."""
    return {"direction": Choice(["both", "forward"]), **_steps(signature)}


def language_model_space(signature: Signature) -> Space:
    """Return the space of networks that see what came before, and nothing else."""
    return {"direction": "forward", **_steps(signature)}


def _steps(signature: Signature) -> Space:
    longest = max(4, min(_MOST_STEPS, signature.steps))
    windows = max(2, signature.rows // longest)
    units = Int(16, 512, log=True, default=128)
    return {
        "length": longest,
        **({"scaling": "standard"} if signature.table else {}),
        "embedding": Int(4, 128, log=True, default=32),
        "layers": Choice(
            {
                "recurrent": {
                    "cell": Choice(["gru", "lstm", "simple"]),
                    "units": units,
                    "depth": Int(1, 3, default=1),
                    "residual": Choice([False, True]),
                    "recurrent_dropout": Float(0.0, 0.4, default=0.0),
                },
                "conv": {
                    "filters": units,
                    "kernel_size": Int(2, 7, default=3),
                    "depth": Int(1, 6, default=4),
                    "residual": Choice([True, False]),
                },
            }
        ),
        "dropout": Float(0.0, 0.5, default=0.1),
        **training(signature, learning_rate=(5e-4, 2e-2, 3e-3)),
        "batch_size": Int(8, max(16, min(128, windows // 10)), log=True),
        "epochs": 40,
        "patience": 4,
    }
