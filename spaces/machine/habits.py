"""What users of other tools type by habit, and what stands here in its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_BUILDER = "tuner.keras_tuner_family(build, name='mine')"
_TUNERS = f"tuner.tune(task, [{_BUILDER}], sampler='optuna.tpe', trials=10)"
_TRAINING = "{'epochs': 20, 'batch_size': 32}"
_TRAINED = f"training belongs to a family: tuner.keras_tuner_family(build, name='mine', training={_TRAINING})"
_SPLIT = "the task divides its rows: Task(..., split={'kind': 'holdout'}), and test=0.2 or test=frame for test rows"
_ONE_NETWORK = (
    "this model is the mean of its fold models: refit() makes one of all rows, which export('m.keras') writes"
)

ARGUMENTS = {
    **dict.fromkeys(("max_trials", "n_trials", "max_evals", "num_samples"), "trials=20"),
    **dict.fromkeys(("timeout", "time_limit", "time_budget", "total_time_limit"), "time='20m'"),
    **dict.fromkeys(("objective", "eval_metric", "direction"), "the task decides: Task(..., metric='accuracy')"),
    **dict.fromkeys(("directory", "project_name", "study_name"), "folder='runs/first'"),
    "overwrite": "a study goes on in its folder: give another folder, or remove this one by `tuner rm FOLDER`",
    "executions_per_trial": "each trial is trained once a fold: Task(..., split={'folds': 5})",
    **dict.fromkeys(("epochs", "max_epochs", "batch_size"), _TRAINED),
    "hypermodel": f"families=[{_BUILDER}]",
    "estimator_list": "families=['xgboost', 'linear']",
    **dict.fromkeys(("validation_data", "validation_split", "validation_size"), _SPLIT),
    "n_jobs": "workers=2",
    "random_state": "seed=0",
    "label": "target='income'",
    "verbose": "progress=False",
}

NAMES = {
    **dict.fromkeys(
        ("RandomSearch", "BayesianOptimization", "Hyperband", "GridSearch", "Tuner", "search", "create_study"), _TUNERS
    ),
    **dict.fromkeys(("HyperModel", "HyperParameters"), f"{_BUILDER}; build is handed its hp"),
    "Objective": "tuner.Task(..., metric='accuracy')",
    "AutoML": "tuner.TunedClassifier(time='5m')",
    "fmin": "tuner.optimize(objective, space, trials=20)",
    "get_best_models": "study.best_models(n)",
    "get_best_hyperparameters": "study.best.params",
    "results_summary": "study.leaderboard()",
    "search_space_summary": "study.space('dense')",
    "load_model": "tuner.load(folder)",
}

_NUMBER = "hp.Int('units', 8, 64)"
_REAL = "hp.Float('rate', 1e-4, 1e-1, sampling='log')"
HP = {
    **dict.fromkeys(("Integer", "suggest_int", "randint", "quniform", "uniformint"), _NUMBER),
    **dict.fromkeys(("suggest_float", "suggest_uniform", "suggest_loguniform", "uniform", "loguniform"), _REAL),
    **dict.fromkeys(("suggest_categorical", "choice"), "hp.Choice('activation', ['relu', 'tanh'])"),
    "Bool": "hp.Boolean('dropout')",
    "Constant": "hp.Fixed('units', 64)",
}

PLOTS = {
    **dict.fromkeys(("plot", "plots", "plot_history", "plot_optimization_history"), "tuner.plots.history(study)"),
    **dict.fromkeys(("plot_param_importances", "plot_importances"), "tuner.plots.parameter_importances(study)"),
    "plot_parallel_coordinate": "tuner.plots.parallel_coordinates(study)",
    **dict.fromkeys(("plot_intermediate_values", "plot_learning_curves"), "tuner.plots.learning_curves(study)"),
    **dict.fromkeys(
        ("plot_slice", "plot_contour", "plot_edf", "plot_rank", "plot_timeline"),
        "optuna.visualization draws it of study.to_optuna('dense')",
    ),
}

STUDY = {
    **PLOTS,
    **{name: NAMES[name] for name in ("get_best_models", "get_best_hyperparameters", "results_summary")},
    "search_space_summary": NAMES["search_space_summary"],
    **dict.fromkeys(("search", "optimize", "reload"), "the same call of tuner.tune goes on with a study"),
    "oracle": "study.trials and study.leaderboard()",
    "hypermodel": "study.families",
    "best_trial": "study.best",
    "best_value": "study.best.value",
    "best_params": "study.best.params",
    "trials_dataframe": "study.leaderboard()",
}

ENSEMBLE = {
    **dict.fromkeys(("plot", "plots", "plot_weights"), "tuner.plots.weights(ensemble)"),
    "plot_importance": "tuner.plots.importances(ensemble), after study.ensemble(column_time='10s')",
    "weights": "[member.weight for member in ensemble.members]",
    "score": "ensemble.evaluate(frame), of rows with their labels",
    "leaderboard": "study.leaderboard()",
    "feature_importances_": "ensemble.importance(frame)",
    "export": "ensemble.save(folder); a network alone: study.model('dense-000000').refit().export('m.keras')",
}

ESTIMATOR = {
    "study_": "it lives with the object that was fitted; a pickle or a clone has none, folder='runs/first' keeps it",
    "best_params_": "estimator.study_.best.params",
    "best_score_": "estimator.study_.best.value",
    "best_estimator_": "estimator.ensemble_",
    "best_trial_": "estimator.study_.best",
    "trials_": "estimator.study_.trials",
    "cv_results_": "estimator.study_.leaderboard()",
    "feature_importances_": "estimator.study_.ensemble().importance(frame), of rows with their labels",
    "leaderboard": "estimator.study_.leaderboard()",
}

_OF_A_STUDY = "a saved ensemble has no study: tuner.load_study(folder).ensemble()"
SAVED = {
    **dict.fromkeys(("evaluate", "score"), "tuner.evaluate(ensemble, frame), of rows with their labels"),
    **dict.fromkeys(("explain", "test", "importance", "diversity", "calibration", "refit", "publish"), _OF_A_STUDY),
}

MODEL = {
    "score": "model.evaluate(frame), of rows with their labels",
    **dict.fromkeys(("summary", "get_config", "layers", "get_weights"), _ONE_NETWORK),
    "fit": "refit() trains the configuration once on all rows",
}


def no_attribute(owner: str, name: str, known: Iterable[str], *, habits: dict[str, str]) -> str:
    """Word the complaint about an attribute that does not exist, with what stands in its place."""
    return f"{owner} has no attribute {name!r}{_hint(name, list(known), habits)}"


def no_argument(complaint: str, called: str, known: Iterable[str]) -> str | None:
    """Word Python's complaint about an argument that does not exist anew; None where it complains of something else.

    Args:
        complaint: What Python says.
        called: What was called, as the user knows it.
        known: The names of its arguments.
    """
    if not (found := re.match(r".*\(\) got an unexpected keyword argument '(\w+)'", complaint)):
        return None
    names = [name for name in known if name != "self"]
    hint = _hint(found[1], names, ARGUMENTS) or f" (right names: {', '.join(names)})"
    return f"{called}() has no argument {found[1]!r}{hint}"


def _hint(name: str, known: list[str], habits: dict[str, str]) -> str:
    if name in habits:
        return f"; here: {habits[name]}"
    near = difflib.get_close_matches(name, [one for one in known if not one.startswith("_")], n=1, cutoff=0.6)
    return f", did you mean {near[0]!r}?" if near else ""
