"""Are differences and their standard errors honest? A simulation whose truth is known.

Six models predict some rows, and 40,000 new rows are the truth. Weights are cross-fitted, and so is the choice of the
single model that the ensemble is compared with. How often does the true difference lie within two standard errors, and
is it right on average? Asked of each step of the gate, and of the difference reported after it.

The true difference is that of what was cross-fitted: in each part the method that was chosen and fitted on the other
parts, judged on the new rows, the mean over parts weighted by their rows.

    python -m benchmarks.honest_differences --draws 100
    python -m benchmarks.honest_differences --fixed --draws 2000

With `--fixed` nothing is chosen or fitted: two pools with weights known beforehand, numbers, and the plain standard
error of a mean. No estimate of a difference can be expected to cover more than that.

The cells were listed before any was run: every second of {equal models, one clear best} x {light, heavy tails} x
{150, 500, 2,000 rows} x {3, 5 folds} x {classes, numbers}, the one in which an even number of the five choices is the
second (of the rows, 500).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.results import save
from ensembles import LOSSES
from ensembles.choosing.cross_fitting import paired_difference
from ensembles.choosing.gate import choose, ladder
from ensembles.combiners.combiner import Candidate
from tuner.task.splits import crossfit_parts

MEMBERS, FRESH = 6, 40_000


FAMILIES = ("a", "a", "b", "b", "c", "c")
METHODS = ("family_average", "best_single", "regularized", "log_linear")


class Cell(NamedTuple):
    """One setting of the simulation."""

    best: str
    tails: str
    rows: int
    folds: int
    target: str


CELLS = (
    Cell("equal", "light", 150, 3, "classes"),
    Cell("equal", "light", 150, 5, "numbers"),
    Cell("equal", "light", 500, 3, "numbers"),
    Cell("equal", "light", 500, 5, "classes"),
    Cell("equal", "light", 2000, 3, "classes"),
    Cell("equal", "light", 2000, 5, "numbers"),
    Cell("equal", "heavy", 150, 3, "numbers"),
    Cell("equal", "heavy", 150, 5, "classes"),
    Cell("equal", "heavy", 500, 3, "classes"),
    Cell("equal", "heavy", 500, 5, "numbers"),
    Cell("equal", "heavy", 2000, 3, "numbers"),
    Cell("equal", "heavy", 2000, 5, "classes"),
    Cell("clear", "light", 150, 3, "numbers"),
    Cell("clear", "light", 150, 5, "classes"),
    Cell("clear", "light", 500, 3, "classes"),
    Cell("clear", "light", 500, 5, "numbers"),
    Cell("clear", "light", 2000, 3, "numbers"),
    Cell("clear", "light", 2000, 5, "classes"),
    Cell("clear", "heavy", 150, 3, "classes"),
    Cell("clear", "heavy", 150, 5, "numbers"),
    Cell("clear", "heavy", 500, 3, "numbers"),
    Cell("clear", "heavy", 500, 5, "classes"),
    Cell("clear", "heavy", 2000, 3, "classes"),
    Cell("clear", "heavy", 2000, 5, "numbers"),
)


@dataclass(frozen=True)
class Found:
    """One difference of one draw.

    Attributes:
        what: Which difference: a step of the gate, or the one reported.
        difference: As estimated.
        standard_error: Of that.
        truth: On new rows.
    """

    what: str
    difference: float
    standard_error: float
    truth: float

    @property
    def covered(self) -> bool:
        """Whether the truth lies within two standard errors, or up to rounding where there is no difference."""
        return abs(self.difference - self.truth) <= 2 * self.standard_error + 1e-12


def draw(cell: Cell, number: int, *, fresh: int = FRESH, methods: tuple[str, ...] = METHODS) -> list[Found]:
    """Return the differences of one draw of a cell: each step against the one held, then the ensemble's.

    Args:
        cell: The cell.
        number: The number of the draw, from which everything random is derived.
        fresh: How many new rows are the truth.
        methods: Those that pass the gate, the first held from the start.
    """
    rng = np.random.default_rng([CELLS.index(cell), number])
    predictions, target = problem(cell, cell.rows + fresh, rng)
    known, new = slice(0, cell.rows), slice(cell.rows, None)
    loss = LOSSES["log_loss" if cell.target == "classes" else "mse"]
    held_out = np.array_split(rng.permutation(cell.rows), cell.folds)
    folds = np.empty(cell.rows, dtype=np.int64)
    for k, of in enumerate(held_out):
        folds[of] = k
    classes = target[known] if cell.target == "classes" else None
    parts = list(crossfit_parts(cell.rows, held_out, ordered=False, seed=number, classes=classes))

    def by_fold(rows: NDArray[np.int64], outputs: NDArray[np.float64]) -> float:
        each = [of for k in range(cell.folds) if (of := folds[rows] == k).any()]
        return float(np.mean([loss(target[known][rows[of]], outputs[of]) for of in each]))

    def true_losses(candidate: Candidate) -> list[float]:
        losses = []
        for fit, _ in parts:
            combiner = candidate.fit(predictions[:, fit], target[fit], loss)
            losses.append(loss(target[new], combiner(predictions[:, new])))
        return losses

    steps = {name: of for name, of in ladder(FAMILIES, loss).items() if name in methods}
    truths = {name: true_losses(of) for name, of in steps.items()}

    def true(held: Iterable[str]) -> float:
        each = [truths[name][part] for part, name in enumerate(held)]
        return float(np.average(each, weights=[len(of) for _, of in parts]))

    choice = choose(
        steps, predictions[:, known], target[known], loss=loss, parts=parts, score=by_fold, strata=classes, seed=number
    )
    found = []
    for step in choice.steps[1:]:
        truth = true(step.held) - true([step.method] * len(parts))
        found.append(Found(f"gate: {step.method}", step.gain, step.standard_error, truth))
    taken = choice.fitted
    difference, error = paired_difference(
        taken.rows, taken.resampled, taken.single_resampled, score=by_fold, strata=classes, seed=number
    )
    truth = true(name for name, _ in choice.held) - true(["best_single"] * len(parts))
    found.append(Found("reported", difference, error, truth))
    return found


def problem(cell: Cell, rows: int, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return predictions `(members, rows, outputs)` and the target of a cell."""
    shape = (MEMBERS, rows)
    noise = rng.normal(size=shape) if cell.tails == "light" else rng.standard_t(3, size=shape) / np.sqrt(3)
    spread = np.ones(MEMBERS)
    if cell.best == "clear":
        spread[0] = 0.5
    noise = spread[:, None] * (noise + 0.5 * rng.normal(size=rows))
    if cell.target == "numbers":
        target = rng.normal(size=rows)
        return (target + noise)[:, :, None], target
    logits = rng.normal(size=rows)
    classes = (rng.random(rows) < 1 / (1 + np.exp(-1.5 * logits))).astype(np.int64)
    positive = 1 / (1 + np.exp(-1.5 * (logits + noise)))
    return np.stack([1 - positive, positive], axis=2), classes


def fixed(tails: str, rows: int, draws: int) -> dict[str, Any]:
    """Return how often the mean and its standard error cover a difference in which nothing is chosen or fitted.

    One clear best model is compared with a pool that gives it most of the weight, by squared error.

    Args:
        tails: "light" or "heavy".
        rows: Rows of each draw.
        draws: How many.
    """
    weights = np.array([0.7, *[0.3 / (MEMBERS - 1)] * (MEMBERS - 1)])
    spread = np.array([0.5, *[1.0] * (MEMBERS - 1)])
    truth = ((weights * spread) ** 2).sum() + 0.25 * (weights @ spread) ** 2 - 1.25 * spread[0] ** 2
    rng = np.random.default_rng([rows, tails == "heavy"])
    found = []
    for _ in range(draws):
        predictions, target = problem(Cell("clear", tails, rows, 3, "numbers"), rows, rng)
        errors = predictions[:, :, 0] - target
        each = (weights @ errors) ** 2 - errors[0] ** 2
        found.append(Found("fixed", float(each.mean()), float(each.std(ddof=1) / np.sqrt(rows)), float(truth)))
    off = np.array([one.difference - one.truth for one in found])
    hundreds = off[: draws // 100 * 100].reshape(-1, 100)
    beyond = np.abs(hundreds.mean(axis=1)) > 3 * hundreds.std(axis=1, ddof=1) / 10
    return {
        "tails": tails,
        "rows": rows,
        "covered": float(np.mean([one.covered for one in found])),
        "hundreds of draws whose mean error is beyond three standard errors": float(beyond.mean()),
    }


def summarised(cell: Cell, found: list[Found]) -> Iterator[dict[str, Any]]:
    """Yield a row for each difference of a cell: how many draws were covered, and how far they were off on average."""
    for what in dict.fromkeys(one.what for one in found):
        of = [one for one in found if one.what == what]
        off = np.array([one.difference - one.truth for one in of])
        yield {
            **cell._asdict(),
            "what": what,
            "draws": len(of),
            "covered": float(np.mean([one.covered for one in of])),
            "mean error": float(off.mean()),
            "its standard error": float(off.std(ddof=1) / np.sqrt(len(of))) if len(of) > 1 else float("nan"),
            "standard error": float(np.mean([one.standard_error for one in of])),
        }


def drawn(cells: list[int], draws: int, log: Path | None) -> dict[int, list[Found]]:
    """Return what was found in each cell, all cells evenly; draws that a log holds already are read from it.

    Args:
        cells: Places of cells.
        draws: Draws of each.
        log: Where a line for each draw is kept; nowhere if left out.
    """
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log and log.exists() else []
    known = {(cell, number): [Found(*one) for one in found] for cell, number, found in lines}
    found: dict[int, list[Found]] = {cell: [] for cell in cells}
    for number in range(draws):
        for cell in cells:
            if (cell, number) not in known:
                known[cell, number] = draw(CELLS[cell], number)
                if log:
                    line = [cell, number, [astuple(one) for one in known[cell, number]]]
                    with log.open("a") as file:
                        file.write(json.dumps(line) + "\n")
            found[cell] += known[cell, number]
    return found


def main() -> None:
    """Run all cells and print a row for each difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=100, help="draws of each cell  [default: 100]")
    parser.add_argument("--cells", type=int, nargs="*", default=list(range(len(CELLS))), help="places of cells; all")
    parser.add_argument("--log", type=Path, help="a file with a line for each draw, from which a later run goes on")
    parser.add_argument("--keep", action="store_true", help="keep the numbers in benchmarks/results")
    parser.add_argument("--fixed", action="store_true", help="two pools that are known beforehand, instead")
    given = parser.parse_args()
    if given.fixed:
        for tails in ("light", "heavy"):
            for rows in (150, 500, 2000):
                print("  ".join(map(str, fixed(tails, rows, given.draws).values())))
        return
    found = drawn(given.cells, given.draws, given.log)
    rows = [row for cell, of in found.items() for row in summarised(CELLS[cell], of)]
    for row in rows:
        print("  ".join(f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()))
    for what in dict.fromkeys(row["what"] for row in rows):
        covered = [row["covered"] for row in rows if row["what"] == what]
        off = [abs(row["mean error"]) / row["its standard error"] for row in rows if row["what"] == what]
        print(f"{what}: covered {np.mean(covered):.3f}, least {min(covered):.2f}; mean error up to {max(off):.1f} s.e.")
    if given.keep:
        save("honest_differences", {"cells": rows})


if __name__ == "__main__":
    main()
