"""A study: begun or continued in its folder, and what a person asks of it."""

from __future__ import annotations

import json
import logging
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from spaces.families.catalog import BASELINE
from spaces.families.family import Family
from spaces.html import facts, folded, table
from spaces.inputs.kinds import hand_over
from spaces.language.space import Params, Space, digest, from_json, to_json
from spaces.machine.disk import delete_parts, write_text
from spaces.machine.habits import STUDY, no_attribute
from spaces.machine.mistakes import all_briefly, briefly
from spaces.machine.torn import Torn
from tuner.amounts import Count, Duration, Positive
from tuner.archive.asked import numbers
from tuner.archive.continuing import changed_files, differences_of, files_of, moved_ledger
from tuner.archive.report import compact, ensemble_line, leaderboard, markdown_note, summary
from tuner.archive.spending import spending
from tuner.archive.study_folder import FORMAT, Archive, StudyError, read_study_file
from tuner.duration import seconds
from tuner.scoring.score import Metric
from tuner.search.as_one import as_one_study
from tuner.search.changed_space import moved, turn_page
from tuner.search.ledger import Ledger
from tuner.search.samplers import THINNED, make_pruner, sampler_maker
from tuner.search.stores import Database, Store, writing
from tuner.task.task import Task
from tuner.tracking.client import reachable_uri, remembered_uri
from tuner.tracking.ensembles import NotShown, show_ensemble
from tuner.tracking.shown import ensemble_numbers
from tuner.trials.outcome import trial_name

if TYPE_CHECKING:
    import optuna

    from tuner.ensembling.study_ensemble import StudyEnsemble
    from tuner.ensembling.study_model import StudyModel

_SHOWN = 10  # trials that a notebook shows


@all_briefly
class Study(Archive):
    """A study: what it left on disk, and what a person asks of it."""

    def _repr_html_(self) -> str:
        best = compact(leaderboard(self), self.task.score.name).head(_SHOWN).dropna(axis="columns", how="all")
        rows = best.astype(object).where(best.notna(), None).values.tolist()
        return facts(self.brief()) + table(best.columns.tolist(), rows) + folded("Task", facts(repr(self.task)))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(no_attribute("'Study' object", name, dir(type(self)), habits=STUDY))

    def leaderboard(self, rows: Any = None, y: Any = None, *, sample_weight: Any = None) -> pd.DataFrame:
        """Return one row a trial, best first: scores on held-out rows, their spread over folds, time, parameters.

        Args:
            rows: Rows with their labels (see `evaluate` of an ensemble), which every model is to predict: it adds every
                metric as `evaluated_...`, `ms_per_row` (milliseconds for a row of these), `ms_per_call` (for a row
                alone) and `megabytes` on disk; NaN where a trial has no model. All models are loaded, one by one.
            y: Labels or values, `(rows,)`, where the rows have no column of them.
            sample_weight: How much each row counts: a column, or numbers `(rows,)`.
        """
        if rows is None:
            return leaderboard(self)
        from tuner.ensembling.evaluation import evaluated_leaderboard, read_rows

        return evaluated_leaderboard(self, read_rows(self, rows, y, sample_weight=sample_weight))

    def best_models(self, n: Count = 1) -> list[StudyModel]:
        """Return the models of the best trials, best first; fewer where there are not so many, and no baseline.

        Each predicts raw rows by the mean of its fold models.

        Raises:
            StudyError: There is none, or the task has no target.
        """
        from tuner.ensembling.study_model import best_models

        return best_models(self, n)

    def model(self, name: str) -> StudyModel:
        """Return the model of a trial, such as `"dense-000003"`, which predicts raw rows by the mean of its folds.

        Raises:
            StudyError: There is no such trial, or it has no model; the message names the nearest that has one.
        """
        from tuner.ensembling.study_model import model_of

        return model_of(self, name)

    def spending(self) -> pd.DataFrame:
        """Return one row a family: its trials, its seconds, what they brought, and why it had its last turn."""
        return spending(self)

    def to_optuna(self, family: str | None = None) -> optuna.Study:
        """Return a family's Optuna study, or one of all trials, for Optuna's own plots and dashboards.

        Args:
            family: The family; when left out the trials of all stand in one study, the family a parameter of theirs.
        """
        if family is None:
            return as_one_study(self.ledger, self.families, maximize=self.sign < 0)
        if family not in self.families:
            raise ValueError(f"family must be one of {', '.join(self.families)}, got {family!r}")
        return self.ledger.study(family)

    def to_hyperopt(self, family: str) -> Any:
        """Return a family's finished trials as `hyperopt.Trials`; losses are negative where more is better.

        Args:
            family: The family.

        Raises:
            ValueError: The family has no parameters, as the baseline.
        """
        from tuner.search.hyperopt_sampler import History

        if not self.space(family):
            raise ValueError(f"family {family!r} has no parameters: Hyperopt has no trials of it")
        return History(self.space(family)).of(self.to_optuna(family))

    def ensemble(
        self,
        method: str = "auto",
        *,
        top: Count = 5,
        joint: bool = False,
        max_mb: Positive | None = None,
        max_ms: Positive | None = None,
        seeds: Count = 1,
        seed_time: Duration | None = None,
        column_time: Duration | None = None,
    ) -> StudyEnsemble:
        """Combine the best models of the study from their stored held-out predictions.

        Nothing is trained, but for the joint model and more seeds when they are asked for. Models of all rows predict
        beside those of the folds where there are any: `tuner.tune` trains them where it was given a `time`.

        Args:
            method: `"auto"`, which tries several and explains its choice, or a name in `ensembles.METHODS` or
                `ensembles.STACKS`, such as `"uniform"`, `"greedy"` or `"nelder_mead"`; or `"joint"`, the joint
                wide-and-deep model of the best trees and the best network, which is trained if it was not.
            top: At most so many trials of each family are candidates.
            joint: Whether `"auto"` tries the joint model too.
            max_mb: The members' files may have so many megabytes together.
            max_ms: The members may need so many milliseconds together for a row, measured one by one on this machine.
            seeds: Train the best configuration of each family with more seeds, until it has so many.
            seed_time: Begin no such training after so long: seconds, or text such as `"10m"`.
            column_time: Measure for at most so long, seconds or text such as `"10s"`, how much each column matters, for
                plots and the report, after the models of the first fold are loaded; not at all when left out.
        """
        from tuner.ensembling.build import build_ensemble, check_ensemble, held_out_for
        from tuner.ensembling.findings import keep_findings
        from tuner.ensembling.more_models import with_seeds

        measuring = 0.0 if column_time is None else seconds(column_time, "column_time")
        training = None if seed_time is None else seconds(seed_time, "seed_time")
        limits = {unit: most for unit, most in (("megabytes", max_mb), ("milliseconds", max_ms)) if most is not None}
        check_ensemble(self.task, method, joint=joint, seeds=seeds, limited=bool(limits))
        held = held_out_for(self, method, top)
        if seeds > 1:
            held = with_seeds(self, held, seeds, seconds=training)
        for unit, most in limits.items():
            held = held.within(unit, most)
        made = build_ensemble(self, method, held, joint=joint)
        keep_findings(made, measuring)
        self._show(made)
        return made

    def _show(self, made: StudyEnsemble) -> None:
        """Show an ensemble on the study's run in MLflow, where the study is tracked; nothing depends on it."""
        if remembered_uri(self.folder) is None or (uri := reachable_uri(self.folder)) is None:
            return
        metric, scores = self.task.score.name, made.scores
        line = ensemble_line(self.task.score.sign, scores, len(made.members))
        from tuner.reporting.report import report

        try:
            show_ensemble(
                uri,
                experiment=self.name,
                study=read_study_file(self.folder)["id"],
                numbers=ensemble_numbers(metric, scores, len(made.members)),
                note=lambda pages: markdown_note(self, pages, line),
                files={"report.html": report(self)},
            )
        except NotShown as error:
            logging.getLogger("tuner").warning("the ensemble is not shown: %s", error)

    def report(self, path: str | Path | None = None) -> Path:
        """Write a page about the study that needs nothing else to be read, and return its path.

        Args:
            path: Where to write; `report.html` in the study's folder when left out.

        Raises:
            StudyError: The study's folder cannot be written, and no other place is named.
        """
        from tuner.reporting.report import write_report

        if path is None:
            self.must_be_writable("name another place for the page")
        return write_report(self, self.folder / "report.html" if path is None else Path(path))

    def summary(self, limit: str | None = None) -> str:
        """Say in one line what limited the study, whether it still improved, and what failed."""
        return summary(self, limit)


@briefly
def load_study(folder: str | Path, *, metrics: Sequence[Metric] = (), kinds: Sequence[str] = ()) -> Study:
    """Open a study's folder, without training anything.

    Args:
        folder: The folder.
        metrics: The user's own metrics, if it used any: functions are not stored.
        kinds: The user's own kinds of input, `"module:NAME"` each; their modules are imported.

    Raises:
        StudyError: The folder holds no study.
        TableError: An input is of a kind that is neither ours nor imported.
    """
    folder = Path(folder).absolute()
    hand_over(kinds)
    stored = read_study_file(folder)
    task = Task.open(folder / "data", metrics)
    return open_study(folder, task, stored)


def store_of(folder: Path, stored: Mapping[str, Any]) -> Store:
    """Return where the ledger of a study lies.

    Args:
        folder: The study's folder.
        stored: What its `study.json` says.
    """
    said = stored.get("ledger")
    return folder / "ledger.db" if said is None else Database(said, stored["id"])


@contextmanager
def begun_or_continued(
    folder: Path,
    task: Task,
    families: Mapping[str, Family],
    *,
    spaces: Mapping[str, Space],
    starts: Mapping[str, Sequence[Params]],
    seed: int,
    sampler: Any,
    pruner: Any,
    ledger: str | None,
) -> Iterator[tuple[Study, list[str]]]:
    """Begin a study in a folder, or continue the one that is there, as the only writer of its ledger.

    Each family keeps the points that it began with. What is yielded beside the study says which spaces changed.

    Raises:
        StudyError: The folder holds a study of other data, split, metric, seed or builders; the message says which.
        LedgerError: Another process runs the study, or its database cannot be used.
    """
    files = {name: files_of(families[name], space) for name, space in spaces.items()}
    if (folder / "study.json").exists() or (folder / "trials").is_dir():
        stored = read_study_file(folder)
        differences = [*differences_of(stored, task, families, seed=seed), *moved_ledger(stored, ledger)]
        differences += changed_files(stored, files)
        if differences:
            said = "; ".join(dict.fromkeys(differences))  # the seed of the task and of the study may both differ
            raise StudyError(f"{folder} holds another study: {said}. Choose another folder or restore it")
        _keep(task, folder / "data")
    else:
        delete_parts(folder / "study.json")  # of a launch that was killed as it began
        if folder.exists() and any(path for path in folder.iterdir() if path.name not in (".lock", "data")):
            raise StudyError(f"{folder} is not empty and holds no study: choose another folder")
        stored = {"format": FORMAT, "id": uuid.uuid4().hex, "seed": seed, "task": task.describe(), "families": {}}
        task.save(folder / "data")
    if ledger is not None:
        stored["ledger"] = ledger
    with writing(store := store_of(folder, stored)):
        changes: list[str] = []
        for name, space in spaces.items():
            points = list(starts.get(name, ()))
            known = stored["families"].get(name, {"starts": points, "changes": [], "digest": digest(space)})
            if known["digest"] != digest(space):
                known, what = _changed(store, name, known, space=space, starts=points)
                changes.append(what)
            elif any(point not in known["starts"] for point in points):
                changes.append(f"{name} keeps the points it began with: new ones are left out")
            about = {"space": to_json(space), "digest": digest(space), "source": families[name].source}
            about["callbacks"] = bool(families[name].callbacks) or known.get("callbacks", False)
            about |= {"files": {**known.get("files", {}), **files[name]}} if files[name] else {}
            stored["families"][name] = {**known, **about}
        write_text(folder / "study.json", json.dumps(stored, indent=1))  # from here on, pages that were turned count
        study = open_study(folder, task, stored, sampler=sampler, pruner=pruner)
        _must_hold_all(study)
        yield study, changes


def _keep(task: Task, folder: Path) -> None:
    """Store a task once more where one of its files is damaged or gone."""
    metrics = [one.metric for score in task.scores for one in (score, *(part.score for part in score.of_targets))]
    try:
        Task.open(folder, metrics)
    except Torn as error:
        shutil.rmtree(folder, ignore_errors=True)  # other processes may still map what is there
        task.save(folder)
        logging.getLogger("tuner").warning(f"{error}: this was done now")


def _must_hold_all(study: Study) -> None:
    """Refuse a ledger that ends before the trials do, such as an older copy: they would be run again."""
    for family in study.families:
        held, last = len(study.ledger.trials(family)), max(numbers(study.folder, family), default=-1)
        if last >= held:
            raise StudyError(
                f"the ledger of {study.folder} ends before {trial_name(family, last)}, which has a folder: is it an "
                f"older copy? tuner repair {study.folder} tells it what the files of the trials say"
            )


def _changed(
    store: Store, name: str, known: Mapping[str, Any], *, space: Space, starts: Sequence[Params]
) -> tuple[dict[str, Any], str]:
    """Copy a family's trials that are points of its changed space to the ledger's page of that space.

    Returns:
        What the study file says of the family, with the starting points that are left and those that are new, and what
        there is to say.
    """
    old, changes = from_json(known["space"]), list(known.get("changes", ()))
    kept, left = turn_page(store, name, old=old, new=space, changes=changes)
    tried = kept + left - (changes[-1] if changes else 0)
    rest = [point for one in known["starts"][tried:] if (point := moved(one, old, space)) is not None]
    rest += [one for one in starts if moved(one, space, old) is None and one not in rest]
    what = f"the space of {name} changed: {kept} of its {kept + left} trials are points of it, and samplers know them"
    what += f"; {left} are not, and stay in the leaderboard" if left else ""
    return {**known, "starts": rest, "changes": [*changes, kept + left]}, what


def open_study(
    folder: Path,
    task: Task,
    stored: Mapping[str, Any],
    *,
    sampler: Any = "optuna.random",
    pruner: Any = None,
    began: bool = False,
) -> Study:
    """Open a study's ledger.

    Args:
        folder: The study's folder.
        task: Its task.
        stored: What its `study.json` says.
        sampler: What proposes, where trials are asked for.
        pruner: What prunes.
        began: Whether a ledger that holds nothing is a new one, though there are trials.

    Raises:
        StudyError: Its database holds nothing of it.
        LedgerError: The ledger cannot be used.
    """
    maximize = task.score.metric.greater_is_better
    store = store_of(folder, stored)
    ledger = Ledger(store, seed=stored["seed"], maximize=maximize, pruner=make_pruner(pruner))
    in_database = isinstance(store, Database) and not began
    if in_database and (folder / "trials").exists() and not ledger.holds(BASELINE):
        raise StudyError(
            f"the ledger {stored['ledger']} holds nothing of the study in {folder}: restore the database, name the one "
            f"that holds it, or let tuner repair {folder} tell it what the files of the trials say"
        )
    for name, about in stored["families"].items():
        space = from_json(about["space"])
        maker = sampler_maker(sampler if space else "optuna.random", space)
        changes = about.get("changes", ())
        ledger.open(name, space, maker, starts=about.get("starts"), changes=changes, thinned=sampler in THINNED)
    names = tuple(sorted(stored["families"], key=lambda name: name != BASELINE))
    return Study(folder, ledger, names, task)
