"""Whose turn it is: pure functions of what is known of each family, so that a study is decided by its records.

By trials, families take turns. By seconds, each family comes once, the cheapest first; then a family is drawn by its
estimated cost for improvement (Wang, Wu, Weimer, Zhu: "FLAML: A Fast and Lightweight AutoML Library", MLSys 2021), with
a floor of turns and of seconds: it keeps every family in the study, and no dear one at the cost of the best. An
improvement is what a trial gained for the ensemble.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from spaces.families.family import Family
from tuner.search.ledger import Trial
from tuner.seeds import derive_seed

Rule = Literal["trials", "seconds"]
RULES: tuple[Rule, ...] = ("trials", "seconds")
_LAST = 3
GAIN = 0.001
_FLOOR = 2
_FEWEST_SECONDS = 5.0
_FIRST_SHARE, _FEWEST_FIRST, _MOST_FIRST = 0.1, 2.0, 6.0
_MANY, _FEWEST_SHARES = 4, 2  # families, of which the last shares half of the time still
_FEW, _GROWING_SHARE = 12, 0.2
_NEXT = 0.05
_DEAR = 5.0  # the rank of a small network, above that of trees
_FEW_KINDS = 2
_LONGEST = 1e6


@dataclass(frozen=True)
class Past:
    """What is known of one family when a turn is decided.

    Attributes:
        rank: A rule of thumb for its cost, before anything is known.
        library: What trains it.
        weight: How often its turn comes, relative to the others.
        seconds: What each ended trial took, in the order in which they were asked, without duplicates.
        gained: Whether each of them gained something.
        losses: The loss of each of them, infinite where it has none.
        baseline: The loss of the baseline; infinite where that is not known.
        running: How many of its trials run now.
        last_turn: The number of its last turn, or -1.
        grows: Whether its trials are to become larger, so that with more time they are better.
        kin: What it is called together with the families that learn alike; nothing where there are none.
        stopped: Whether its last trial was stopped by the clock.
    """

    rank: float
    library: str = ""
    weight: float = 1.0
    seconds: tuple[float, ...] = ()
    gained: tuple[bool, ...] = ()
    losses: tuple[float, ...] = ()
    baseline: float = math.inf
    running: int = 0
    last_turn: int = -1
    grows: bool = False
    kin: str = ""
    stopped: bool = False

    @property
    def trials(self) -> int:
        """How many trials were asked."""
        return len(self.seconds) + self.running

    @property
    def cost(self) -> float:
        """The seconds that a trial takes: the median of the last ones; infinite while none has ended."""
        return float(np.median(self.seconds[-_LAST:])) if self.seconds else math.inf

    @property
    def best(self) -> float:
        """The least loss of its trials; infinite while there is none."""
        return min(self.losses, default=math.inf)

    @property
    def whole(self) -> float:
        """The seconds that a trial takes which is not ended early: the median of the last ones that have a loss."""
        ended = [seconds for seconds, loss in zip(self.seconds, self.losses, strict=True) if loss < math.inf]
        return float(np.median(ended[-_LAST:])) if ended else self.cost

    @property
    def least(self) -> float:
        """The seconds below which no trial is begun: of a family that grows those of its smallest one."""
        return min(self.seconds) if self.grows and self.seconds else self.whole


def past_of(
    trials: Sequence[Trial], family: Family, *, weight: float, sign: int = 1, baseline: float | None = None
) -> Past:
    """Return what is known of a family.

    Args:
        trials: All of its trials, by number.
        family: What is known of it beforehand.
        weight: How often its turn comes, relative to the others.
        sign: What a trial's value is multiplied by to be a loss.
        baseline: The value of the baseline, if it is known.
    """
    own = [trial for trial in trials if not trial.duplicate]
    ended = [trial.outcome for trial in own if trial.outcome]
    return Past(
        family.expected_cost,
        family.library,
        weight,
        tuple(outcome.seconds for outcome in ended),
        tuple(outcome.gain >= GAIN for outcome in ended),
        tuple(math.inf if outcome.value is None else sign * outcome.value for outcome in ended),
        math.inf if baseline is None else sign * baseline,
        len(own) - len(ended),
        max((trial.turn.number for trial in trials), default=-1),
        family.grows,
        family.kin,
        bool(ended) and any(at is not None for at in ended[-1].stopped),
    )


def by_trials(pasts: Mapping[str, Past]) -> tuple[str, str]:
    """Return the family with the fewest trials for its weight, the first of equals, and why."""
    return min(pasts, key=lambda name: pasts[name].trials / pasts[name].weight), "in turn"


def by_seconds(
    pasts: Mapping[str, Past], *, seed: int, number: int, left: float = math.inf, trials: float = math.inf
) -> tuple[str, str] | None:
    """Return whose turn it is by cost for improvement, and why; None where no trial would end in time.

    At the end no family has its first trial, the dearer the earlier, unless no trial has found anything yet: there is
    always something to combine where one trial of a cheap family fits. Of three kinds of networks and more, one waits
    with it while it may be expected to take more than a tenth of what is left: rather a larger network than small ones
    of four kinds. A family whose kin was stopped by the clock waits, too: more time for the one is worth more than a
    second that is stopped.

    Where trials are limited too, each uses up its share of the time at least, as the cheapest family would have most.

    Args:
        pasts: What is known of each family.
        seed: The study's seed.
        number: The number of the turn.
        left: Seconds until the study ends.
        trials: How many trials it has until then, of those that run one after the other.
    """
    known = {name: past for name, past in pasts.items() if past.seconds}
    untried = [name for name, past in pasts.items() if not past.trials]
    if any(past.best < math.inf for past in known.values()):
        many = sum(past.rank >= _DEAR for past in pasts.values()) > _FEW_KINDS
        short = {past.kin for past in known.values() if past.kin and past.stopped}
        untried = [name for name in untried if pasts[name].kin not in short]
        untried = [name for name in untried if _may_begin(pasts[name], known, left, waiting=many)]
    if untried:
        return min(untried, key=lambda name: pasts[name].rank), "first trial, cheapest family first"
    if not known:  # all first trials still run
        return by_trials(pasts)
    fitting = {name: past for name, past in known.items() if past.least <= left}
    if not fitting:
        return None
    spent = sum(sum(past.seconds) for past in known.values())
    poor = [name for name, past in fitting.items() if sum(past.seconds) <= spent * past.weight / _floor(pasts)]
    if poor:
        oldest = min(poor, key=lambda name: fitting[name].last_turn)
        waited = number - fitting[oldest].last_turn
        if waited > _floor(pasts) / fitting[oldest].weight:
            return oldest, f"no turn since {waited - 1} others"
    names = sorted(fitting)
    best = min(past.best for past in known.values())
    share = left / trials if max(left, trials) < math.inf else 0.0
    charged = {name: replace(fitting[name], seconds=tuple(np.maximum(fitting[name].seconds, share))) for name in names}
    cost = {name: max(cost_for_improvement(past), catching_up(past, best)) for name, past in charged.items()}
    chances = np.array([fitting[name].weight / max(cost[name], 1e-3) for name in names])
    drawn = np.random.default_rng(derive_seed(seed, "turn", number)).choice(len(names), p=chances / chances.sum())
    return names[drawn], f"{cost[names[drawn]]:.3g} s for a gain, chance {chances[drawn] / chances.sum():.0%}"


def _floor(pasts: Mapping[str, Past]) -> int:
    """Return of how many turns, and of how many seconds, a family may have one whatever is expected of it."""
    return _FLOOR * len(pasts)


def _may_begin(past: Past, known: Mapping[str, Past], left: float, *, waiting: bool) -> bool:
    """Return whether a family's first trial is worth its time.

    What it takes is told by other dear families that are thought to cost about as much, or that are trained by the same
    library: they began small too, so their cheapest trial tells. Nothing is expected where there is no such family.
    Trees do not wait, and nothing is waited for before any trial has gained something, or where there are few kinds of
    networks: of two that somebody asks for, each is tried.
    """
    alike = [
        min(other.seconds)
        for other in known.values()
        if _DEAR <= other.rank <= past.rank and (other.rank > past.rank / 2 or other.library == past.library != "")
    ]
    enough = _FEWEST_SECONDS * min(max(_FEWEST_FIRST, past.rank), _MOST_FIRST)
    waits = (
        waiting
        and past.rank >= _DEAR
        and min(alike, default=0.0) > _FIRST_SHARE * left
        and any(any(other.gained) for other in known.values())
    )
    return left >= enough and not waits


def cost_for_improvement(past: Past) -> float:
    """Return the seconds in which a family may be expected to gain again.

    They are the greatest of the seconds since it last gained, the seconds between its last two gains, and the cost of
    one trial. A family that never gained is taken to have gained at its beginning.
    """
    spent = np.cumsum([0.0, *past.seconds])
    at = [0.0, 0.0, *(float(spent[i + 1]) for i, gained in enumerate(past.gained) if gained)]
    total = float(spent[-1]) + past.running * past.cost
    return max(total - at[-1], at[-1] - at[-2], past.cost)


def catching_up(past: Past, best: float) -> float:
    """Return the seconds in which a family that is behind may be expected to be as good as the best.

    It is twice what it lacks, at the speed at which it got better since its best but one was found (Wang et al. 2021).
    Where that is the baseline, a further trial is expected to take off a twentieth of the loss, or of what the first
    one gained if that is less; where trials grow, as much again. Nothing more is asked of a family whose last trial
    gained for the ensemble; its first one tells little, as what comes early gains much.

    Args:
        past: What is known of the family.
        best: The least loss of all families.
    """
    if not past.losses or not past.best > best or (len(past.losses) > 1 and past.gained[-1]):
        return 0.0
    spent = np.cumsum(past.seconds)
    bests = [(0.0, past.baseline)]
    for at, loss in zip(spent, past.losses, strict=True):
        if loss < bests[-1][1]:
            bests.append((float(at), loss))
    if len(bests) < 2 or not math.isfinite(bests[-2][1]):
        return _LONGEST if len(bests) < 2 else 0.0
    since, worse = bests[-2]
    gain = worse - past.best
    if len(bests) == 2 and not past.grows:
        gain = _NEXT * min(gain, abs(past.best))
    return min(_LONGEST, 2 * (past.best - best) * float(spent[-1] - since) / gain if gain else _LONGEST)


def seconds_for_trial(left: float, past: Past, others: Sequence[Past], *, workers: int = 1) -> float:
    """Return how long a trial may take of the time that is left.

    First trials share half of the time equally, and the other half is for what follows; the last of four and more has
    a quarter of it at most, as the dearest come last, and nobody knows what they are worth. A family that grows makes
    better use of the time: its own may take a fifth, and once it has begun those of others take a tenth at most.
    A first trial has at least five seconds, so that the dearest families have no turn where time is short.

    A later one leaves half of the time, unless trials of its family are known to take longer; or nothing, where the
    family grows and the time is that of a dozen of its smallest: one large network trained for long beats several that
    had half of the time each.

    Args:
        left: Seconds until the study ends.
        past: What is known of the trial's family, before the trial.
        others: The same of the other families.
        workers: How many trials run at once.
    """
    if math.isinf(left):
        return left
    if past.trials:
        if past.grows and left <= _FEW * min(past.seconds, default=0.0):
            return left
        return max(left / 2, min(left, past.whole))
    untried = 1 + sum(not other.trials for other in others)
    shares = max(untried, _FEWEST_SHARES if len(others) >= _MANY - 1 else 1)
    share = max(1, workers) * left / (2 * shares)
    if past.grows:
        share = max(share, _GROWING_SHARE * left)
    elif any(other.grows and other.seconds for other in others):
        share = min(share, _FIRST_SHARE * left)
    return min(left, max(_FEWEST_SECONDS, share))
