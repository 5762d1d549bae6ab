"""Where a study's seconds went, and what they brought."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tuner.archive.records import Records
from tuner.search.ledger import Trial


def spending(study: Records) -> pd.DataFrame:
    """Return one row a family, the dearest first.

    Returns:
        Columns `family`, `trials` (without duplicates), `seconds`, `share` of all seconds, the best value under the
        metric's name, `gained` (trials that lowered the loss of the ensemble of all trials before them), and `why`: the
        reason of its last turn.
    """
    rows = []
    for family in study.families:
        trials = [trial for trial in study.ledger.trials(family) if not trial.duplicate]
        if not trials:
            continue
        ended = [trial.outcome for trial in trials if trial.outcome]
        values = [study.sign * trial.value for trial in trials if trial.value is not None]
        rows.append(
            {
                "family": family,
                "trials": len(trials),
                "seconds": sum(outcome.seconds for outcome in ended),
                study.metric: study.sign * min(values) if values else None,
                "gained": sum(outcome.gain > 0 for outcome in ended),
                "why": trials[-1].turn.why,
            }
        )
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    table.insert(3, "share", table["seconds"] / max(table["seconds"].sum(), 1e-9))
    return table.sort_values("seconds", ascending=False, ignore_index=True)


def gains(trials: Sequence[Trial]) -> str:
    """Say when the ensemble of all trials last gained, and what the last third of the time brought; or nothing.

    Time is that in which trials ran: none passes between two launches.

    Args:
        trials: Trials of a study; those that run, and duplicates, are left out.
    """
    ended = [trial.outcome for trial in trials if trial.outcome and not trial.duplicate]
    spans = [(outcome.started, outcome.started + outcome.seconds) for outcome in ended]
    gained = [(_worked(spans, o.started + o.seconds), o.gain) for o in ended if o.gain > 0]
    if not gained:
        return ""
    end = _worked(spans)
    brought = 1 - float(np.prod([1 - gain for at, gain in gained if at > end * 2 / 3]))
    since = end - max(at for at, _ in gained)
    last = "with the last trial" if since <= 0 else f"{max(1, round(since))} s before the end"
    took = f"{brought:.1%}" if brought >= 0.0005 else "less than 0.1%" if brought > 0 else "nothing"
    return f"the ensemble of all trials last gained {last}, the last third of the time took {took} off its loss"


def elapsed(trials: Sequence[Trial]) -> float:
    """Return the seconds in which at least one trial ran, over all launches."""
    return _worked([(t.outcome.started, t.outcome.started + t.outcome.seconds) for t in trials if t.outcome])


def _worked(spans: Sequence[tuple[float, float]], until: float = math.inf) -> float:
    """Return the seconds that are in one of the spans at least, as far as they lie before a moment."""
    total, end = 0.0, -math.inf
    for start, stop in sorted(spans):
        total += max(0.0, min(stop, until) - max(start, end))
        end = max(end, stop)
    return total
