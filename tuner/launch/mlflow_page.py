"""The note and tags of a study's own run in MLflow, put together from its folder and its plan."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from spaces.engines.curves import Curves
from tuner.archive.findings import read_findings
from tuner.archive.one_trial import traceback_of
from tuner.archive.report import ensemble_line, leaderboard, markdown_note
from tuner.archive.study_folder import read_study_file
from tuner.launch.plan import Plan
from tuner.search.ledger import Trial
from tuner.study import Study

_COLUMNS, _CHARTS, _BEST = 6, 3, 20


class StudyPage:
    """A study as the tracker sees it (see `tuner.tracking.shown.Tracked`).

    Args:
        study: The study.
        plan: What the launch was asked to do.
        constants: Further arguments of the launch, for the page.
    """

    def __init__(self, study: Study, plan: Plan, constants: Mapping[str, Any]) -> None:
        self._study, self._plan, self._constants = study, plan, constants
        self.name, self.id = study.name, str(read_study_file(study.folder)["id"])
        self.metric, self.sign = study.task.score.name, study.task.score.sign

    @property
    def artifacts(self) -> str | None:
        """A folder beside the study's; it moves with it (see `tuner.tracking.moved.follow_the_folder`)."""
        return str(self._study.folder.resolve().parent / "mlartifacts")

    @property
    def params(self) -> dict[str, Any]:
        """The task and the launch in a few words."""
        task, budget = self._study.task, self._plan.budget
        return {
            "metric": self.metric,
            "split": task.split.kind,
            "folds": len(task.folds),
            "seed": self._plan.seed,
            "families": ", ".join(self._study.families[1:]),
            "trials": budget.trials,
            "time": None if math.isinf(budget.time) else budget.time,
            **self._constants,
        }

    @property
    def dataset(self) -> dict[str, Any]:
        """The data, by digest, columns and number of rows."""
        task = self._study.task
        description = task.describe()
        return {
            "name": self.name,
            "digest": task.digest,
            "source": str(self._study.folder / "data"),
            "schema": {"mlflow_colspec": [{"name": c.name, "type": c.kind} for c in task.schema.columns]},
            "profile": {name: description[name] for name in ("rows", "test_rows")},
        }

    @property
    def columns(self) -> tuple[list[str], list[str]]:
        """Spread, training score, seconds; the family and the parameters that most of the best trials have."""
        best = self._study.complete[:_BEST] or self._study.trials
        counts = Counter(name for trial in best for name in trial.params)
        often = [name for name, _ in counts.most_common(_COLUMNS)]
        others = [score.name for score in self._study.task.scores[1:3]]
        return [f"{self.metric}_std", *others, f"train_{self.metric}", "seconds"], ["family", *often]

    @property
    def curve_names(self) -> list[str]:
        """The loss, and the metrics that were asked for."""
        return ["loss", *(score.name for score in self._study.task.scores[:_CHARTS])]

    def note(self, pages: Mapping[str, str]) -> str:
        """Return the study's description."""
        found = read_findings(self._study.folder)
        said = "" if found is None else ensemble_line(self.sign, found["scores"], len(found["members"]))
        return markdown_note(self._study, pages, said)

    def finished(self) -> list[Trial]:
        """Return all finished trials in the order in which they ended."""
        return [trial for trial in self._study.trials if trial.outcome is not None]

    def curves(self, trial: Trial) -> list[Curves]:
        """Return a trial's curves, one mapping a fold."""
        return self._study.curves(trial)

    def use(self, trial: Trial) -> str:
        """Return how to use a trial that succeeded, and where its files lie."""
        folder, name = self._study.folder, trial.name
        return (
            f"See all of it with `tuner show {folder} {name}`\n"
            f"make it a model with `tuner publish {folder} NAME --trial {name}`\n"
            f"files in `{self._study.attempt_folder(trial)}`"
        )

    def traceback(self, trial: Trial) -> str:
        """Return where a trial raised; nothing of one that did not."""
        return traceback_of(self._study, trial)

    def files(self) -> dict[str, str]:
        """Return what identifies the study, and its leaderboard."""
        board: str = leaderboard(self._study).to_csv(index=False)
        return {"study.json": (self._study.folder / "study.json").read_text(), "leaderboard.csv": board}
