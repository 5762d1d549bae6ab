"""The spaces of the families that read sequences step by step. No library is imported here: a space is data."""

from __future__ import annotations

from spaces.families.shared_spaces import training
from spaces.inputs.text.spaces import branch
from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Space
from spaces.rows.signature import Signature

_MOST_STEPS = 128


def sequence_labels_space(signature: Signature) -> Space:
    """Return the space: both directions by default, as the label of a word may depend on the words after it."""
    return {"direction": Choice(["both", "forward"]), **_steps(signature)}


def language_model_space(signature: Signature) -> Space:
    """Return the space of networks that see what came before, and nothing else."""
    return {"direction": "forward", **_steps(signature)}


def seq2seq_space(signature: Signature) -> Space:
    """Return the space: how the source is read, how the answer is written, and whether writing looks back."""
    decoder: Space = {
        "cell": Choice(["gru", "lstm"]),
        "units": Int(16, 512, log=True, default=128),
        "depth": Int(1, 2, default=1),
    }
    branches = {name: branch(name, signature, positions=True) for name in ("recurrent", "conv", "conv_recurrent")}
    return {
        "text": Choice(branches),
        "decoder": decoder,
        "attention": Choice([True, False]),
        **_windows(signature),
    }


def _steps(signature: Signature) -> Space:
    units = Int(16, 512, log=True, default=128)
    return {
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
        **_windows(signature),
    }


def _windows(signature: Signature) -> Space:
    """Return what all have in common: windows, how their steps are read, and training."""
    longest = max(4, min(_MOST_STEPS, signature.steps))
    windows = max(2, signature.rows // longest)
    return {
        "length": longest,
        **({"scaling": "standard"} if signature.table else {}),
        **({"embedding": Int(4, 128, log=True, default=32)} if signature.cardinalities else {}),
        "dropout": Float(0.0, 0.5, default=0.1),
        **training(signature, learning_rate=(5e-4, 2e-2, 3e-3)),
        "batch_size": Int(8, max(16, min(128, windows // 10)), log=True),
        "epochs": 40,
        "patience": 4,
    }
