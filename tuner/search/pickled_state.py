"""What Optuna's CMA-ES keeps in a ledger is a pickle, which Optuna opens: it is looked into first."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Mapping
from itertools import count, takewhile
from typing import Any

from tuner.search.ledger_file import LedgerError

_STATE = ":optimizer:"
_ARRAYS = {"numpy._core.multiarray", "numpy.core.multiarray"}
_KNOWN = {
    ("cmaes._cma", "CMA"),
    ("cmaes._sepcma", "SepCMA"),
    ("cmaes._cmawm", "CMAwM"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((module, name) for module in _ARRAYS for name in ("scalar", "_reconstruct")),
}


def check_states(attributes: Iterable[Mapping[str, Any]]) -> None:
    """Refuse states of samplers that hold more than numbers.

    Args:
        attributes: What samplers noted about each trial.

    Raises:
        LedgerError: A state names something else, which would be called when the study goes on, or is damaged.
    """
    for noted in attributes:
        for sampler in {key.split(_STATE)[0] for key in noted if _STATE in key}:
            keys = takewhile(noted.__contains__, (f"{sampler}{_STATE}{i}" for i in count()))
            _check("".join(str(noted[key]) for key in keys))


def _check(state: str) -> None:
    try:
        _OnlyNumbers(io.BytesIO(bytes.fromhex(state))).load()
    except LedgerError:
        raise
    except Exception as error:  # a pickle that is no state may fail in any way
        raise LedgerError(
            f"the ledger holds a state of CMA-ES that cannot be read ({error}): run the study in another folder"
        ) from None


class _OnlyNumbers(pickle.Unpickler):
    """Opens a state of CMA-ES, which is made of arrays; nothing else is imported or called."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class of a state."""
        if (module, name) not in _KNOWN:
            raise LedgerError(
                f"the ledger holds a state of CMA-ES that would run {module}.{name}: it was not written by a study. "
                "Run the study anew in another folder, from its study file"
            )
        return super().find_class(module, name)
