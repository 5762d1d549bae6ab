"""Where the trials of a launch run: in this process, in worker processes, or on a cluster."""

from __future__ import annotations

from typing import Any

from tuner.launch.plan import Plan
from tuner.study import Study
from tuner.trials.inline_slots import InlineSlots
from tuner.trials.process_slots import ProcessSlots
from tuner.trials.ray_slots import RaySlots
from tuner.trials.slots import Slots


def slots_of(study: Study, plan: Plan, **hooks: Any) -> Slots:
    """Return the slots that a plan asks for.

    Args:
        study: The study.
        plan: Its plan.
        hooks: What slots call: `on_report` and `on_epochs`.
    """
    if plan.cluster is None and plan.workers == 0:
        return InlineSlots(study.task, plan.families, **hooks)
    apart = {"folder": study.folder.resolve(), "hidden": study.ledger.secrets, **hooks}
    if plan.cluster is not None:
        return RaySlots(study.task, plan.families, cluster=plan.cluster, **apart)
    return ProcessSlots(study.task, plan.families, workers=plan.workers, **apart)
