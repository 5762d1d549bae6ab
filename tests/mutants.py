"""Small lies in the code, each with the tests that must notice: `make mutants`.

    python tests/mutants.py [TEXT]      only those whose name holds a text

The tree is copied, one line of it changed, the named tests run: they must fail. Some of these no test noticed once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TRIAL = "tests/tuner/trials/test_trial.py"


class Mutant(NamedTuple):
    """A lie.

    Attributes:
        name: What it does.
        file: Where.
        line: What stands there.
        lie: What stands there instead.
        tests: Which tests must notice, as pytest's arguments.
    """

    name: str
    file: str
    line: str
    lie: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "the pruner's answer is ignored",
        "tuner/trials/trial.py",
        "    if report(step, value):",
        "    if report(step, value) and False:",
        (TRIAL, "-k", "pruner"),
    ),
    Mutant(
        "rungs are moved",
        "tuner/trials/trial.py",
        "RUNGS = (0.125, 0.25, 0.5)",
        "RUNGS = (0.25, 0.5, 0.75)",
        (TRIAL, "-k", "rungs"),
    ),
    Mutant(
        "one seed for all folds",
        "tuner/trials/trial.py",
        'derive_seed(job.seed, "fold", k)',
        'derive_seed(job.seed, "fold", 0)',
        (TRIAL, "-k", "every_fold"),
    ),
    Mutant(
        "one seed for all trials",
        "tuner/launch/loop.py",
        "derive_seed(self._plan.seed, trial.family, trial.number, 1)",
        "derive_seed(self._plan.seed, trial.family, 0, 1)",
        (TRIAL, "-k", "a_study_gives"),
    ),
    Mutant(
        "training scores are those of held-out rows",
        "tuner/trials/trial.py",
        '_checked(fitted, seen, "training rows")',
        "predictions[np.arange(len(seen)) % len(predictions)]",
        (TRIAL, "-k", "training_scores"),
    ),
    Mutant(
        "held-out rows among the training rows",
        "tuner/task/folds.py",
        '{"full": train,',
        '{"full": np.union1d(train, held_out),',
        (TRIAL, "-k", "held_out_rows_are_apart"),
    ),
    Mutant(
        "early stopping on held-out rows",
        "tuner/task/folds.py",
        '"inner": inner,',
        '"inner": held_out,',
        (TRIAL, "-k", "held_out_rows_are_apart"),
    ),
    Mutant(
        "loss weights are ignored",
        "spaces/layers/heads.py",
        "float(weights.get(part.key, 1.0))",
        "1.0",
        (TRIAL, "-k", "weighted_sum"),
    ),
    Mutant(
        "the plateau's reduction is never applied",
        "spaces/engines/keras/compiling.py",
        'factor=settings.get("factor", 0.3)',
        "factor=0.999",
        (TRIAL, "-k", "plateau"),
    ),
    Mutant(
        "recurrent dropout of step families is dropped",
        "spaces/families/sequences/network.py",
        'recurrent_dropout=its["recurrent_dropout"]',
        "recurrent_dropout=0.0",
        (TRIAL, "-k", "recurrent_dropout"),
    ),
    Mutant(
        "recurrent dropout of texts and series is dropped",
        "spaces/layers/blocks.py",
        "go_backwards=backward, **its)",
        'go_backwards=backward, **{**its, "recurrent_dropout": 0.0})',
        ("tests/spaces/families/branches/test_text_families.py", "-k", "cells_and_their_stack"),
    ),
    Mutant(
        "the last step of the backward direction is taken from the wrong end",
        "spaces/layers/blocks.py",
        "        return x[:, 0]",
        "        return x[:, -1]",
        ("tests/spaces/families/branches/test_text_families.py", "-k", "read_last"),
    ),
    Mutant(
        "under a mask, the last step of the backward direction is taken from the wrong end",
        "spaces/layers/blocks.py",
        "_first(x, mask)[:, half:]",
        "x[:, -1, half:]",
        ("tests/spaces/families/branches/test_text_families.py", "-k", "read_last"),
    ),
    Mutant(
        "a category's mean target is made of a row's own target too",
        "spaces/inputs/table/matrix.py",
        "matrix = _float32(transformer.fit_transform(train.joined(), target))",
        "matrix = _float32(transformer.fit(train.joined(), target).transform(train.joined()))",
        ("tests/spaces/inputs/table/test_matrix.py", "-k", "many_categories"),
    ),
    Mutant(
        "held-out rows among the training rows, seen by what a study says",
        "tuner/task/folds.py",
        '{"full": train,',
        '{"full": np.union1d(train, held_out),',
        (TRIAL, "-k", "gains_nothing"),
    ),
    Mutant(
        "temperature is ignored",
        "tuner/recipes/language.py",
        "np.log(probabilities) / temperature",
        "np.log(probabilities)",
        (TRIAL, "-k", "temperature"),
    ),
    Mutant(
        "temperature is inverted",
        "tuner/recipes/language.py",
        "np.log(probabilities) / temperature",
        "np.log(probabilities) * temperature",
        (TRIAL, "-k", "temperature"),
    ),
    Mutant(
        "a scaler is learned again for each target",
        "spaces/inputs/table/matrix.py",
        "    prepared: PreparedTable = cached(key, learn)",
        "    prepared: PreparedTable = learn()",
        ("tests/spaces/families/test_learned_once.py", "-k", "whatever_the_number_of_targets"),
    ),
    Mutant(
        "a vocabulary is learned again for each target",
        "spaces/inputs/text/vocabulary.py",
        "cached(key, lambda: _learn(recipe, train))",
        "_learn(recipe, train)",
        ("tests/spaces/families/test_learned_once.py", "-k", "whatever_the_number_of_targets"),
    ),
    Mutant(
        "channels are learned again for each horizon",
        "spaces/inputs/arrays.py",
        'cached(f"{train.key}|{recipe}", learn)',
        "learn()",
        ("tests/spaces/families/test_learned_once.py", "-k", "changes_and_levels"),
    ),
    Mutant(
        "weights are fitted on rows that come later",
        "tuner/task/splits.py",
        "others = parts[:i] if ordered else parts[:i] + parts[i + 1 :]",
        "others = parts[:i] + parts[i + 1 :]",
        ("tests/tuner/ensembling/test_study_ensemble.py", "-k", "time_order"),
    ),
    Mutant(
        "a stored temperature is not read",
        "ensembles/combiners/tempered.py",
        'read(data["combiner"]), data["after"])',
        'read(data["combiner"]), 1.0)',
        ("tests/test_golden.py", "-k", "tempered"),
    ),
    Mutant(
        "a forecast of changes forgets the last value",
        "spaces/families/forecasts/change.py",
        "outputs) + read[-1]",
        "outputs) + 0 * read[-1]",
        ("tests/spaces/engines/test_together.py",),
    ),
    Mutant(
        "weights are scored on the rows that fitted them",
        "ensembles/choosing/cross_fitting.py",
        "predictions[:, fit], target[fit], loss",
        "predictions, target, loss",
        ("tests/ensembles/choosing/test_cross_fitting.py",),
    ),
    Mutant(
        "the gate takes whatever comes last",
        "ensembles/choosing/gate.py",
        "taken = gain > max(error, _LEAST_GAIN * abs(value))",
        "taken = True",
        ("tests/ensembles/choosing/test_gate.py",),
    ),
    Mutant(
        "classes change places",
        "spaces/probabilities.py",
        "np.hstack([1 - exact, exact])",
        "np.hstack([exact, 1 - exact])",
        ("tests/spaces/engines/test_together.py", "-k", "order_of_the_classes"),
    ),
    Mutant(
        "numbers are scaled by all rows' statistics",
        "spaces/engines/sklearn.py",
        "learn(reading, fold.full.table, fold.full.target, target_kind=target.kind)",
        "learn(reading, fold.inner.table, fold.inner.target, target_kind=target.kind)",
        ("tests/spaces/families/test_families.py", "-k", "linear"),
    ),
    Mutant(
        "time is shuffled",
        "tuner/task/splits.py",
        "return model_selection.TimeSeriesSplit(split.folds, gap=split.gap, test_size=size)",
        "return model_selection.KFold(split.folds, shuffle=True, random_state=seed)",
        ("tests/tuner/task/test_splits.py",),
    ),
    Mutant(
        "groups are torn",
        "tuner/task/splits.py",
        "model_selection.GroupKFold(split.folds, shuffle=True, random_state=seed)",
        "model_selection.KFold(split.folds, shuffle=True, random_state=seed)",
        ("tests/tuner/task/test_splits.py",),
    ),
)


def main() -> int:
    """Tell every lie whose name is asked for, and return how many nobody noticed."""
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    unnoticed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        ignored = shutil.ignore_patterns(".venv", ".git", "runs", "__pycache__", ".*_cache", "build")
        shutil.copytree(ROOT, copy, ignore=ignored)
        for mutant in (one for one in MUTANTS if asked in one.name):
            noticed, seconds = tell(mutant, copy)
            unnoticed += not noticed
            print(f"{'noticed' if noticed else 'UNNOTICED':<10} {seconds:5.0f} s  {mutant.name}", flush=True)
    return unnoticed


def tell(mutant: Mutant, tree: Path) -> tuple[bool, float]:
    """Change the line, run the tests, put the line back; return whether a test failed, and how long that took."""
    path, begun = tree / mutant.file, time.monotonic()
    honest = path.read_text()
    if mutant.line not in honest:
        raise ValueError(f"{mutant.name}: {mutant.line!r} does not stand in {mutant.file} any more")
    path.write_text(honest.replace(mutant.line, mutant.lie))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests]
    try:
        done = subprocess.run(
            command, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True, text=True, check=False
        )
    finally:
        path.write_text(honest)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{mutant.name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 1, time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main())
