"""How predictions combine: weight solvers, honest scores, and ensembles that predict from one folder.

Usable without a study: arrays in, weights out.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ensembles.choosing.cross_fitting import paired_difference as paired_difference
    from ensembles.ensemble import Ensemble as Ensemble
    from ensembles.loading import load as load
    from ensembles.losses import LOSSES as LOSSES
    from ensembles.losses import Loss as Loss
    from ensembles.methods import METHODS as METHODS
    from ensembles.methods import STACKS as STACKS
    from ensembles.pools import blend as blend
    from ensembles.solvers.convex import certificate as certificate

_WHERE = {
    "LOSSES": "ensembles.losses",
    "METHODS": "ensembles.methods",
    "STACKS": "ensembles.methods",
    "Ensemble": "ensembles.ensemble",
    "Loss": "ensembles.losses",
    "blend": "ensembles.pools",
    "certificate": "ensembles.solvers.convex",
    "load": "ensembles.loading",
    "paired_difference": "ensembles.choosing.cross_fitting",
}
__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'ensembles' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
