"""Types of arguments that are amounts: a study file and the command line check them before anything starts."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Lt

Count = Annotated[int, Ge(1)]
Natural = Annotated[int, Ge(0)]
Positive = Annotated[float, Gt(0)]
Share = Annotated[float, Gt(0), Lt(1)]
Duration = float | str  # seconds, or text such as "20m" (see `tuner.duration`)
