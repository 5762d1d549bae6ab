"""What can be done with a study's models beyond weights: joint models, more seeds, refits, limits, calibration."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xgboost
from sklearn.metrics import f1_score
from small import SMALL_XGBOOST

import ensembles
import tuner
from ensembles.member import Member
from spaces.store import load_fitted
from tuner.archive.study_folder import StudyError
from tuner.ensembling.joint import train_joint

QUIET = {"workers": 0, "tracking": None, "progress": False}
FAMILIES = {
    "linear": {},
    "xgboost": SMALL_XGBOOST,
    "dense": {"epochs": 4, "units": 16, "depth": 1, "scaling": "standard", "residual": False},
}


@pytest.fixture(scope="module")
def trio(task, tmp_path_factory):
    """A study of trees, a network and a linear model."""
    return tuner.tune(task, FAMILIES, trials=3, seed=1, folder=tmp_path_factory.mktemp("trio") / "study", **QUIET)


@pytest.fixture(scope="module")
def joined(trio):
    return trio.ensemble("joint")


@pytest.mark.slow
def test_the_joint_model_is_an_ensemble_of_its_own(joined, trio, frame, tmp_path):
    (member,) = joined.members
    assert (member.trial, member.family, len(member.folders)) == ("joint", "joint", 3)
    assert list(joined.explain()["method"]) == ["log_linear of the two", "joint"]
    assert joined.scores["ensemble"]["cross_fitted"] < trio.complete[-1].value, "better than the baseline"
    again = ensembles.load(joined.save(tmp_path / "joint"))
    np.testing.assert_allclose(again.predict_proba(frame), joined.predict_proba(frame), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_held_out_rows_of_the_joint_model_are_those_of_each_folds_model(joined, trio):
    """The stored predictions are what the saved model of the fold that held a row out says of it."""
    made = train_joint(trio)
    held_out = trio.task.folds[1][1]
    one = ensembles.Ensemble("", "", (Member("", "", 1.0, (made.folder / "fold-1",)),), *rest(trio))
    start = len(trio.task.folds[0][1])
    expected = made.predictions[start : start + len(held_out)]
    np.testing.assert_allclose(one.outputs(trio.task.rows.table.take(held_out)), expected, rtol=1e-4, atol=1e-6)


def rest(study):
    return study.task.schema, study.task.target, {}


@pytest.mark.slow
def test_the_joint_model_is_trained_once(joined, trio):
    stamp = {path: path.stat().st_mtime_ns for path in (trio.folder / "joint").rglob("*") if path.is_file()}
    combined = trio.ensemble("auto", joint=True)
    assert "joint" in list(combined.explain()["method"])
    assert stamp == {path: path.stat().st_mtime_ns for path in (trio.folder / "joint").rglob("*") if path.is_file()}


def test_a_joint_model_needs_trees_and_a_network(study):
    with pytest.raises(StudyError, match="a joint model needs a network, and no trial of that kind has succeeded"):
        study.ensemble("joint")
    for unfit in ({"seeds": 2}, {"max_mb": 1.0}, {"max_ms": 1.0}):
        with pytest.raises(ValueError, match="the joint model takes no seeds, max_mb or max_ms"):
            study.ensemble("auto", joint=True, **unfit)


def test_more_seeds_are_trained_once_and_averaged(trio):
    combined = trio.ensemble("uniform", seeds=2)
    folds = {member.family: len(member.of_folds) for member in combined.members}
    assert folds == {"linear": 3, "xgboost": 6, "dense": 6}
    network = next(member for member in combined.members if member.family == "dense")
    said = [
        np.load(folder.parent / "held_out.npz")["predictions"] for folder in network.of_folds[:: len(trio.task.folds)]
    ]
    assert not np.allclose(said[0], said[1])
    stored = combined.held.only([network.trial]).predictions[0]
    np.testing.assert_allclose(stored, np.mean(said, axis=0), atol=1e-6)
    stamps = {path: path.stat().st_mtime_ns for path in (trio.folder / "seeds").rglob("result.json")}
    assert len(stamps) == 2
    trio.ensemble("uniform", seeds=2)
    assert stamps == {path: path.stat().st_mtime_ns for path in (trio.folder / "seeds").rglob("result.json")}
    with pytest.raises(ValueError, match="seeds must be at least 1, got 0"):
        trio.ensemble(seeds=0)


def test_refitted_members_have_one_model_trained_on_all_rows(trio, frame):
    combined = trio.ensemble("uniform")
    again = combined.refit()
    assert [len(member.folders) for member in again.members] == [1, 1, 1]
    assert [(m.trial, m.weight) for m in again.members] == [(m.trial, m.weight) for m in combined.members]
    assert "refitted on all rows" in again.report()["scores"]["models"]
    assert np.abs(again.predict_proba(frame) - combined.predict_proba(frame)).mean() < 0.15
    trees = next(member for member in again.members if member.family == "xgboost")
    stored = json.loads((combined_folder(trio, trees) / "curves.json").read_text())
    watched = [[one["values"] for one in fold if one["part"] == "validation"] for fold in stored]
    best = [np.argmin(losses[0]) + 1 for losses in watched]  # what the library drew comes first
    booster = xgboost.Booster(model_file=trees.folders[0] / "model.ubj")
    assert booster.num_boosted_rounds() == int(np.median(best))


def test_a_model_of_all_rows_counts_twice_as_much_as_those_of_the_folds(trio, frame, tmp_path):
    whole = trio.ensemble("uniform").refit()
    both = trio.ensemble("uniform")
    assert [(len(one.folders), one.on_all_rows) for one in both.members] == [(4, True)] * 3
    assert "models   of the folds and, of 3 of 3 members, of all rows" in repr(both)
    assert "the scores are those of the fold models" in both.report()["scores"]["models"]
    members = tuple(replace(one, folders=one.of_folds, on_all_rows=False) for one in both.members)
    folds = replace(both.ensemble, members=members).predict_members(frame)
    whole, found = whole.predict_members(frame), both.predict_members(frame)
    for name, said in found.items():
        np.testing.assert_allclose(said, (folds[name] + 2 * whole[name]) / 3, rtol=1e-5, atol=1e-6)
        assert np.abs(whole[name] - folds[name]).max() > 1e-3
    loaded = ensembles.load(both.save(tmp_path / "both"))
    assert [one.on_all_rows for one in loaded.members] == [True] * 3
    np.testing.assert_allclose(loaded.predict_proba(frame), both.predict_proba(frame), rtol=1e-5, atol=1e-6)
    seeded = trio.ensemble("uniform", seeds=2)
    network = next(one for one in seeded.members if one.family == "dense")
    assert [folder.parent.name for folder in network.folders[-1:]] == ["refit"]
    assert len(network.of_folds) == 6


def test_one_network_is_exported_once_it_is_refitted(trio, frame, tmp_path):
    """What the file says, finished as the saved model finishes it, is what the refitted model says of raw rows."""
    import keras

    model = next(one for one in trio.best_models(10) if one.trial.family == "dense")
    with pytest.raises(StudyError, match=r"is 3 networks, one a fold: model\.refit\(\)\.export\('net\.keras'\)"):
        model.export(tmp_path / "net.keras")
    again = model.refit()
    assert "one model of all rows" in repr(again)
    network = keras.saving.load_model(again.export(tmp_path / "net.keras"))
    table = trio.task.rows.table
    fitted = load_fitted(again.members[0].folders[0])
    read = tuple(reader.matrix(table) for reader in fitted.readers)
    (fed,) = fitted.feeds(read)
    said = fitted.finish(read, (network.predict_on_batch(fed),))
    np.testing.assert_allclose(again.ensemble.outputs(table), said, rtol=1e-4, atol=1e-6)
    loaded = tuner.load(again.save(tmp_path / "model"))
    np.testing.assert_allclose(loaded.predict_proba(frame), again.predict_proba(frame), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_network_of_ones_own_builder_is_refitted_and_exported_where_its_family_is_given(task, frame, tmp_path):
    import keras

    def build(hp):
        units = hp.Int("units", 2, 4)
        model = keras.Sequential([keras.layers.Dense(units, "relu"), keras.layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        return model

    def other(hp):
        return build(hp)

    mine = tuner.keras_tuner_family(build, name="mine", training={"epochs": 2})
    study = tuner.tune(task, [mine], trials=1, folder=tmp_path / "study", **QUIET)
    (model,) = study.best_models()
    with pytest.raises(ValueError, match=r"save writes a folder, got the name of a file, 'net\.keras'"):
        model.save("net.keras")
    with pytest.raises(StudyError, match=r"model\.refit\(\[family\]\)\.export\('net\.keras'\)"):
        model.export(tmp_path / "net.keras")
    with pytest.raises(StudyError, match=r"not stored, so hand it over: refit\(\[family\]\)"):
        model.refit()
    with pytest.raises(StudyError, match="'mine' is not the one that was tuned in study: its builder differs"):
        model.refit([tuner.keras_tuner_family(other, name="mine")])
    again = model.refit([mine])
    assert keras.saving.load_model(again.export(tmp_path / "net.keras")).output_shape == (None, 1)
    assert again.predict_proba(frame.head(3)).shape == (3, 2)


def combined_folder(study, member):
    return study.attempt_folder(next(trial for trial in study.trials if trial.name == member.trial))


@pytest.mark.slow
def test_the_joint_model_cannot_be_refitted(joined):
    with pytest.raises(StudyError, match="joint cannot be refitted"):
        joined.refit()


def test_members_within_a_limit(trio):
    everything = trio.ensemble("greedy")
    sizes = {
        member.trial: sum(path.stat().st_size for folder in member.folders for path in folder.rglob("*"))
        for member in trio.ensemble("uniform", top=5).members
    }
    limit = 1.05 * min(sizes.values()) / 1e6
    small = trio.ensemble("greedy", max_mb=limit)
    assert sum(path.stat().st_size for m in small.members for f in m.folders for path in f.rglob("*")) <= limit * 1e6
    assert len(small.members) <= len(everything.members)
    assert len(trio.ensemble("greedy", max_ms=1e6).members) >= 1
    with pytest.raises(ValueError, match=r"no member fits: the smallest costs .*, the limit is 1e-06 megabytes"):
        trio.ensemble(max_mb=1e-6)


def test_calibration_before_and_after(trio):
    combined = trio.ensemble("nelder_mead")
    found = combined.calibration()
    assert list(found["model"]) == [*(member.trial for member in combined.members), "ensemble"]
    own = found.set_index("model").loc["ensemble", "log_loss"]
    assert own == pytest.approx(combined.scores["ensemble"]["cross_fitted"], abs=0.02)
    assert {"brier_score", "expected_calibration_error calibrated"} < set(found.columns)


def test_the_reliability_plot_shows_both(trio, tmp_path):
    figure = trio.ensemble("nelder_mead").plot_calibration()
    figure.savefig(tmp_path / "reliability.png")
    labels = {line.get_label() for line in figure.axes[0].get_lines()}
    assert {"as it is", "calibrated"} < labels


def test_convex_weights_come_with_a_certificate(trio):
    assert 0 <= trio.ensemble("convex", top=2).certificate < 1e-2, "of rows pruned of weights below a thousandth"
    assert trio.ensemble("uniform").certificate > 0
    assert trio.ensemble("log_linear").certificate is None


def test_an_ensemble_no_better_than_the_baseline_says_so(tmp_path):
    rng = np.random.default_rng(0)
    task = tuner.Task(rng.normal(size=(80, 2)), rng.integers(0, 2, 80), split={"kind": "stratified", "folds": 2})
    noise = tuner.tune(
        task, {"xgboost": {"n_estimators": 30, "learning_rate": 0.3}}, trials=1, folder=tmp_path / "s", **QUIET
    )
    assert any(
        "no better than the common-sense baseline (log_loss 0." in one for one in noise.ensemble("greedy").warnings()
    )


def test_members_alone_and_their_disagreement(trio, frame):
    combined = trio.ensemble("greedy").ensemble
    alone = combined.predict_members(frame)
    assert set(alone) == {member.trial for member in combined.members}
    blended = sum(member.weight * alone[member.trial] for member in combined.members)
    np.testing.assert_allclose(combined.predict_proba(frame), blended, atol=1e-6)
    apart = combined.disagreement(frame)
    assert apart.shape == (len(frame),)
    assert (apart >= 0).all()
    assert apart.max() > 0 or len(alone) == 1


@pytest.mark.slow
def test_a_metric_of_labels_gets_a_threshold_where_it_helps(tmp_path):
    """One row in ten is positive, and hard to tell: F1 wants a threshold far below one half."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 2))
    rare = rng.random(900) < 1 / (1 + np.exp(-(1.5 * x[:, 0] - 3)))
    task = tuner.Task(
        x, rare.astype(int), metric="f1", metrics=["log_loss"], split={"kind": "stratified", "folds": 3}, test=0.3
    )
    study = tuner.tune(task, {"linear": {"class_weight": "none"}}, trials=2, folder=tmp_path / "s", **QUIET)
    combined = study.ensemble("auto")
    assert combined.ensemble.method.endswith("with a threshold")
    assert 0.05 < combined.ensemble.threshold < 0.45
    plain = study.ensemble("greedy")
    assert combined.scores["ensemble"]["cross_fitted"] > plain.scores["ensemble"]["cross_fitted"]
    assert combined.evaluate(x, rare.astype(int))["f1"] == pytest.approx(f1_score(rare, combined.predict(x)))
    loaded = tuner.load(combined.save(tmp_path / "bundle"))
    np.testing.assert_array_equal(loaded.predict(x) == 1, loaded.predict_proba(x)[:, 1] > loaded.threshold)
    tested = combined.test()["scores"]["ensemble"]["test"]
    assert tested["f1"] > plain.test()["scores"]["ensemble"]["test"]["f1"]
