"""Where the trials of a launch run: in this process, in worker processes, or on a cluster."""

from __future__ import annotations

from dataclasses import replace
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


def with_workers(plan: Plan, slots: Slots) -> Plan:
    """Return a plan that knows how many trials run at once, which a cluster says when it is reached."""
    return replace(plan, workers=slots.count) if isinstance(slots, RaySlots) else plan
