"""In a notebook: one box in its place, mistakes without our lines, an interrupt that says how to go on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
import small
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

BEGIN = f"""
import sys; sys.path.insert(0, {str(Path(small.__file__).parent)!r})
import tuner
from small import make_frame
task = tuner.Task(make_frame(90), "label", split={{"kind": "stratified", "folds": 2}})
launch = dict(folder="study", workers=0, tracking=None)
"""
FAMILY = "tuner.keras_tuner_family(build, name='mine')"
MISTAKES = {
    "plots.history('study')": "history shows a study, got str: tuner.load_study('study') opens one",
    "plots.history(study, n=3)": "history() has no argument 'n' (right names: study)",
    "plots.weights(ensemble.ensemble)": "weights shows a study or its ensemble, got Ensemble: ",
    "plots.parallel_coordinates(study, 'lineer')": "did you mean 'linear'?",
    "tuner.plots.wieghts": "did you mean 'weights'?",
    "tuner.RandomSearch": "here: tuner.tune(task",
    "study.plot_history()": "here: tuner.plots.history(study)",
    "study.best_models(0)": "n must be a whole number of at least 1",
    "study.to_hyperopt('lineer')": "did you mean 'linear'?",
    "study.best_models()[0].fit()": "here: refit() trains",
    "ensemble.predict_proba([[1.0]])": "an array of ",
    "ensemble.plot_weights()": "here: tuner.plots.weights(ensemble)",
    "ensemble.evaluate(make_frame(9).drop(columns='label'))": "unknown name 'label'",
    "tuner.TunedClassifier().predict([[1.0]])": "not fitted yet",
    "tuner.TunedClassifier().best_params_": "here: estimator.study_.best.params",
    "tuner.TunedClassifier().fit([[1.0], [2.0]], [1])": "inconsistent numbers of samples: [2, 1]",
    "tuner.TunedClassifier().fit([[1.0], [2.0]], [1, 1])": "at least two classes",
    "tuner.TunedClassifier(method='gredy').fit([[1.0], [2.0], [1.0], [2.0]], [1, 2, 1, 2])": "did you mean 'greedy'?",
    f"def build(hp):\n    hp.Int('units', 9, 1)\ntuner.tune(task, [{FAMILY}], trials=1)": "min_value 9 is above",
    f"def build(hp):\n    1 / 0\ntuner.tune(task, [{FAMILY}], trials=1)": "division by zero",
}
CELLS = [
    BEGIN,
    'study = tuner.tune(task, ["linear"], trials=3, **launch)\nensemble = study.ensemble()\nfrom tuner import plots',
    'tuner.Task(make_frame(90), "lable")',
    "def mine(**more):\n    return tuner.tune(task, **more)\nmine(trails=3)",
    *MISTAKES,
    "import os, signal\ndef press(study, trial):\n    os.kill(os.getpid(), signal.SIGINT)\n"
    'study = tuner.tune(task, ["linear"], trials=9, on_trial=press, **launch)',
    'tuner.tune(task, ["linear"], trials=5, **launch)',
]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    place = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    NotebookClient(notebook, timeout=300, allow_errors=True, resources=place).execute()
    return [cell.outputs for cell in notebook.cells]


def printed(outputs: list[Any]) -> str:
    return "".join(one.text for one in outputs if one.output_type == "stream")


def shown(outputs: list[Any]) -> list[str]:
    return [one.data["text/html"] for one in outputs if "text/html" in one.get("data", {})]


def error(outputs: list[Any]) -> str:
    (one,) = (one for one in outputs if one.output_type == "error")
    return re.sub("\x1b\\[[0-9;]*m", "", "\n".join(one.traceback))


def test_importing_says_nothing(outputs):
    assert outputs[0] == []


def test_a_study_is_one_box_and_few_lines(outputs):
    (box,) = shown(outputs[1])
    assert ">3/3<" in box.replace("</progress> ", ">").replace("</div>", "<")
    assert "3 done, 0 running" in box
    assert box.count("log_loss") == 5  # a line for each trial and the baseline, and the best
    assert "ended" in box
    assert "linear-0000" not in printed(outputs[1])
    assert "\x1b" not in printed(outputs[1])
    assert "trials used up" in printed(outputs[1])
    assert {one.name for one in outputs[1] if one.output_type == "stream"} == {"stdout"}


def test_a_mistake_is_shown_without_our_lines(outputs):
    told = error(outputs[2])
    assert "unknown name 'lable', did you mean 'label'?" in told
    assert '----> 1 tuner.Task(make_frame(90), "lable")' in told
    assert ".py" not in told
    assert len(told.splitlines()) < 8
    told = error(outputs[3])
    assert "return tuner.tune(task, **more)" in told
    assert "tune() has no argument 'trails', did you mean 'trials'?" in told
    assert ".py" not in told


@pytest.mark.parametrize("cell", MISTAKES)
def test_each_mistake_shows_what_one_wrote_and_none_of_our_lines(outputs, cell):
    told = error(outputs[CELLS.index(cell)])
    assert MISTAKES[cell] in told
    assert ".py" not in told
    *_, within = cell.partition("\n    ")
    assert all(line in told for line in (cell.splitlines()[-1], within.partition("\n")[0]))


def test_an_interrupt_ends_the_study_and_says_how_to_go_on(outputs):
    assert error(outputs[-2]).startswith("Interrupted: ")
    assert len(error(outputs[-2]).splitlines()) == 1
    assert "To continue: run this cell again" in printed(outputs[-2])
    assert re.search(r"study = tuner\.load_study\('.*study'\) opens it", printed(outputs[-2]))
    assert "trials used up" in printed(outputs[-1])
