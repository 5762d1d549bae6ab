"""Words of other tools are answered with ours, and typing errors with the nearest right name."""

import pytest
from sklearn.datasets import load_wine

import tuner
import tuner.plots
from spaces.machine.habits import ARGUMENTS, ENSEMBLE, MODEL, NAMES, STUDY
from tuner.ensembling.study_ensemble import StudyEnsemble
from tuner.ensembling.study_model import StudyModel
from tuner.launch.tune import plan_of
from tuner.study import Study


@pytest.fixture(scope="module")
def task() -> tuner.Task:
    return tuner.Task(load_wine(as_frame=True).frame, "target")


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_an_argument_of_another_tool_is_answered_with_ours(task: tuner.Task, name: str) -> None:
    with pytest.raises(TypeError, match=rf"^tune\(\) has no argument '{name}'; here: ") as caught:
        tuner.tune(task, ["linear"], **{name: 3})
    assert ARGUMENTS[name] in str(caught.value)


def test_a_misspelt_argument_is_answered_with_the_nearest_one(task: tuner.Task) -> None:
    frame = load_wine(as_frame=True).frame
    with pytest.raises(TypeError, match=r"^tune\(\) has no argument 'tirals', did you mean 'trials'\?$"):
        tuner.tune(task, ["linear"], tirals=3)
    with pytest.raises(TypeError, match=r"^Task\(\) has no argument 'metrik', did you mean 'metric'\?$"):
        tuner.Task(frame, "target", metrik="accuracy")
    with pytest.raises(TypeError, match=r"^TunedClassifier\(\) has no argument 'familys', did you mean 'families'\?$"):
        tuner.TunedClassifier(familys=["linear"])
    with pytest.raises(TypeError, match=r"has no argument 'zzz' \(right names: build, name, training\)$"):
        tuner.keras_tuner_family(lambda hp: None, name="mine", zzz=3)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_name_of_another_tool_is_answered_with_ours(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tuner, name, raising=False)  # tuner.search is a package of ours once it is imported
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'; here: "):
        getattr(tuner, name)
    assert not hasattr(tuner, "__wrapped__")


def test_a_misspelt_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(AttributeError, match="'TunedClasifier', did you mean 'TunedClassifier'"):
        getattr(tuner, "TunedClasifier")  # noqa: B009, mypy would find the name


def test_what_a_study_and_a_model_lack_is_answered_with_what_they_have() -> None:
    study, model = Study.__new__(Study), StudyModel.__new__(StudyModel)
    for name, here in STUDY.items():
        with pytest.raises(AttributeError) as caught:
            getattr(study, name)
        assert here in str(caught.value)
    for name, here in MODEL.items():
        with pytest.raises(AttributeError) as caught:
            getattr(model, name)
        assert here in str(caught.value)
    for name, here in ENSEMBLE.items():
        with pytest.raises(AttributeError) as caught:
            getattr(StudyEnsemble.__new__(StudyEnsemble), name)
        assert here in str(caught.value)
    with pytest.raises(AttributeError, match="'bestmodels', did you mean 'best_models'"):
        getattr(study, "bestmodels")  # noqa: B009


@pytest.mark.parametrize("call", [lambda build: build, lambda build: [build], lambda build: ("linear", build)])
def test_a_builder_in_place_of_a_family_is_told_what_makes_one(task: tuner.Task, call) -> None:
    def my_builder(hp): ...

    with pytest.raises(ValueError, match=r"got the builder my_builder: tuner.keras_tuner_family\(my_builder, name="):
        tuner.tune(task, call(my_builder), trials=1)


def test_what_is_no_task_or_no_list_is_a_sentence(task: tuner.Task) -> None:
    frame = load_wine(as_frame=True).frame
    with pytest.raises(ValueError, match=r"tune needs a task, got a DataFrame: tuner.Task\(data, target\) makes one"):
        tuner.tune(frame, "target")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="families must be a list such as"):
        tuner.tune(task, 3)  # type: ignore[arg-type]
    family = tuner.family(lambda config, signature: None, {"units": 3}, name="mine")
    assert repr(family) == "Family mine of your own (keras)"


def test_one_family_needs_no_list(task: tuner.Task) -> None:
    mine = tuner.family(lambda config, signature: None, {"units": 3}, name="mine")
    assert list(plan_of(task, "linear").families) == ["baseline", "linear"]
    assert list(plan_of(task, mine).families) == ["baseline", "mine"]
    with pytest.raises(ValueError, match="unknown name 'liner', did you mean 'linear'"):
        plan_of(task, "liner")


def test_plots_show_and_suggest_their_own_names():
    assert "of_trials" not in dir(tuner.plots)
    with pytest.raises(AttributeError, match="'wieghts', did you mean 'weights'"):
        getattr(tuner.plots, "wieghts")  # noqa: B009
