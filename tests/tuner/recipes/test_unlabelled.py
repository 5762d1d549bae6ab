"""Rows without a target: autoencoders, variational ones, adversarial networks; and odd windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import integrate, stats
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

import tuner
from spaces import FAMILIES, narrow
from spaces.families.unsupervised.anomaly import AnomalyFitted
from spaces.families.unsupervised.gan import Adversarial
from spaces.families.unsupervised.networks import build_discriminator, build_generator
from spaces.families.unsupervised.two_sample import told_apart
from spaces.language.space import defaults
from spaces.store import load_fitted
from tuner.archive.study_folder import StudyError
from tuner.cli import main
from tuner.task.folds import make_folds

QUIET = {"workers": 0, "tracking": "none", "progress": False}
FAST = {"optimizer": ["adam"], "optimizer.adam.learning_rate": 5e-3, "batch_size": 32}
SPLIT = {"kind": "holdout", "share": 0.2}


def digits(rows: int = 800) -> np.ndarray:
    return (load_digits().images[:rows, ..., None] * 15).astype(np.uint8)


def bumps(rows: int = 400, odd: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Return windows of a wave at any phase, of which some few have a dent that no wave has."""
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 2 * np.pi, (rows, 1))
    series = np.sin(np.arange(24) / 24 * 4 * np.pi + phase) + rng.normal(0, 0.05, (rows, 24))
    kinds = np.zeros(rows, int)
    for row in rng.choice(rows, odd, replace=False):
        at = rng.integers(2, 20)
        series[row, at : at + 3] += rng.choice([-1, 1]) * 1.0
        kinds[row] = 1
    return series[..., None].astype(np.float32), kinds


@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    task = tuner.Task(digits(), None, split=SPLIT, test=0.1)
    changes = {"latent": 16, "noise": [0.0], "epochs": 30}
    folder = tmp_path_factory.mktemp("unlabelled") / "study"
    return tuner.tune(task, {"autoencoder": changes}, trials=1, folder=folder, seed=0, **QUIET)


def test_an_autoencoder_restores_better_than_the_mean_row_does(restored):
    values = {trial.family: trial.value for trial in reversed(restored.complete)}
    assert values["autoencoder"] < 0.5 * values["baseline"]
    train, held_out = restored.task.folds[0]
    pixels = np.asarray(restored.task.rows.table.arrays[0]) / 255
    by_hand = ((pixels[held_out] - pixels[train].mean(axis=0)) ** 2).mean()
    assert values["baseline"] == pytest.approx(by_hand, rel=1e-4)


def test_the_score_of_an_autoencoder_is_that_of_what_it_restores(restored):
    best = tuner.best_model(restored)
    held_out = restored.task.folds[0][1]
    images = np.asarray(restored.task.rows.table.arrays[0])[held_out]
    error = ((images / 255 - best.restore(images)) ** 2).mean()
    assert error == pytest.approx(restored.complete[0].value, rel=1e-3)
    assert best.encode(images).shape == (len(images), 16)
    assert best.plot(images).axes
    with pytest.raises(StudyError, match="an autoencoder makes no new rows"):
        best.sample(3)
    for ask in (restored.best_models, lambda: restored.model(best.trial)):
        with pytest.raises(
            StudyError, match=r"rows without a target have nothing to predict: tuner\.best_model\(study\)"
        ):
            ask()


def test_codes_are_columns_for_trees(restored, tmp_path):
    images = digits()
    codes = tuner.best_model(restored).encode(images)
    task = tuner.Task(codes, load_digits().target[: len(images)], metrics=["accuracy"], split=SPLIT)
    study = tuner.tune(task, {"xgboost": {"n_estimators": 60}}, trials=1, folder=tmp_path / "study", **QUIET)
    assert study.leaderboard()["accuracy"].max() > 0.8


def test_a_study_without_a_target_ends_in_no_ensemble(restored):
    with pytest.raises(StudyError, match=r"end in the best model, not in an ensemble: tuner.best_model"):
        restored.ensemble()


def test_the_bound_of_a_variational_autoencoder_is_one(tmp_path):
    """Of values that one code says, the likelihood can be integrated: the bound may not be below it."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(400, 1))
    series = (np.outer(hidden, np.linspace(0.5, 1.5, 6)) + rng.normal(0, 0.3, (400, 6)))[..., None].astype(np.float32)
    task = tuner.Task(series, None, metric="negative_elbo", split=SPLIT)
    changes = {"latent": 2, "body": ["dense"], "units": 32, "depth": 1, "epochs": 60, **FAST}
    study = tuner.tune(task, {"variational_autoencoder": changes}, trials=1, folder=tmp_path / "study", **QUIET)
    values = {trial.family: trial.value for trial in reversed(study.complete)}
    assert values["variational_autoencoder"] < values["baseline"]
    best = tuner.best_model(study)
    table = task.rows.table.take(task.folds[0][1][:20])
    said = best.fitted.predict(table)[:, 0]
    rows = np.asarray(best.fitted.prepared.matrix(table)).reshape(20, -1)
    grid = np.linspace(-5, 5, 61)
    codes = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    means = best.decode(codes).reshape(len(codes), -1)
    prior = stats.norm.pdf(codes).prod(axis=1)
    exact = []
    for row in rows:
        likelihood = np.exp(-0.5 * ((row - means) ** 2).sum(axis=1) - 0.5 * len(row) * np.log(2 * np.pi)) * prior
        inner = integrate.trapezoid(likelihood.reshape(61, 61), grid, axis=1)
        exact.append(-np.log(integrate.trapezoid(inner, grid)))
    # Of one draw each; the mean over rows is within a fraction of a nat above the truth.
    assert np.mean(said) > np.mean(exact) - 0.2
    assert np.mean(said) < np.mean(exact) + 1.5


@pytest.mark.slow
def test_a_variational_autoencoder_of_images_makes_new_ones_and_loads_again(tmp_path):
    task = tuner.Task(digits(400), None, metric="negative_elbo", split=SPLIT)
    changes = {"latent": 8, "epochs": 60, "body": ["conv"], "body.conv.depth": 1, **FAST}
    study = tuner.tune(task, {"variational_autoencoder": changes}, trials=1, folder=tmp_path / "study", **QUIET)
    values = {trial.family: trial.value for trial in study.complete}
    assert values["variational_autoencoder"] < values["baseline"]
    best = tuner.best_model(study.folder)
    table = task.rows.table.take(np.arange(10))
    np.testing.assert_array_equal(best.fitted.predict(table), best.fitted.predict(table))
    made = best.sample(12)
    assert made.shape == (12, 8, 8, 1)
    assert (made >= 0).all()
    assert (made <= 1).all()
    assert made.std(axis=0).mean() > 0.05  # no two alike
    np.testing.assert_array_equal(made, best.sample(12))


@pytest.mark.slow
def test_adversarial_networks_are_scored_by_a_test_of_two_samples(tmp_path):
    task = tuner.Task(digits(1797), None, metric="two_sample", split=SPLIT)
    changes = {"epochs": 100, "body.conv.filters": 16, "body.conv.depth": 1, "batch_size": 32, "learning_rate": 1e-3}
    study = tuner.tune(task, {"gan": changes}, trials=1, folder=tmp_path / "study", seed=0, **QUIET)
    values = {trial.family: trial.value for trial in study.complete}
    assert 0.4 < values["gan"] < values["baseline"]
    best = tuner.best_model(study)
    assert best.sample(5).shape == (5, 8, 8, 1)
    assert best.plot().axes
    with pytest.raises(StudyError, match="adversarial networks have no codes"):
        best.encode(digits(3))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_adversarial_networks_with_defaults_make_images_that_differ(seed):
    task = tuner.Task(digits(1797), None, metric="two_sample", split=SPLIT)
    family, usual = FAMILIES["gan"], FAMILIES["baseline"]
    ((fold, held),) = make_folds(task)
    fold = replace(fold, seed=seed)
    (fitted,) = family.build(defaults(family.space(task.signature)), task.signature).fit([fold], lambda *_: None)
    (mean_row,) = usual.build({}, task.signature).fit([fold], lambda *_: None)
    assert fitted.predict(held.table).mean() < mean_row.predict(held.table).mean()
    real = np.asarray(held.table.arrays[0]) / 255.0
    assert fitted.sample(len(real)).std(axis=0).mean() > 0.5 * real.std(axis=0).mean()


def test_a_batch_of_one_image_spoils_no_weights():
    task = tuner.Task(digits(40), None, metric="two_sample", split=SPLIT)
    config = defaults(FAMILIES["gan"].space(task.signature))
    image = task.signature.input
    model = Adversarial(build_generator(config, image), build_discriminator(config, image), 0.1)
    model.compile(optimizer="adam")
    model.train_step((digits(1), np.zeros((1, 1), np.float32)))
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


def test_a_test_of_two_samples_knows_copies_strangers_and_kin():
    rng = np.random.default_rng(0)
    real, kin = rng.normal(size=(2, 1500, 5)).astype(np.float32)
    assert told_apart(real, kin).mean() == pytest.approx(0.5, abs=0.05)
    assert told_apart(real, real + 1e-6).mean() < 0.4
    # Leaves of two rows keep it from 1; the last digits of the components, which processors round differently, decide
    # whether it is .9902 or .9899.
    assert told_apart(real, kin + 20).mean() > 0.98
    assert told_apart(real, 3 * kin).mean() > 0.7  # scattered widely
    with pytest.raises(ValueError, match="at least 10 rows of each, got 9"):
        told_apart(real[:9], kin[:9])


@pytest.mark.parametrize("error", ["reconstruction", "forecast"])
def test_odd_windows_have_large_errors_though_none_was_learned(error, tmp_path):
    series, kinds = bumps()
    task = tuner.Task(series, kinds, metric="roc_auc", split=SPLIT)
    family = FAMILIES["series_anomaly"]
    changes = {"error": [error], "epochs": 60}
    model = family.build(defaults(narrow(family.space(task.signature), changes)), task.signature)
    ((fold, held_out),) = make_folds(task)
    (fitted,) = model.fit([fold], lambda *_: None)
    assert isinstance(fitted, AnomalyFitted)
    said = fitted.predict(held_out.table)
    np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-5)
    # A forecast sees what is odd in what is forecast, and in what it is made from.
    assert roc_auc_score(held_out.target, said[:, 1]) > 0.85
    usual = fitted.predict(fold.train.table.take(np.flatnonzero(fold.train.target == 0)))
    assert (usual[:, 1] > 0.5).mean() == pytest.approx(0.02, abs=0.01)  # beyond the quantile of 0.98
    fitted.save(tmp_path)
    np.testing.assert_allclose(load_fitted(tmp_path).predict(held_out.table), said, atol=1e-5)


def test_odd_windows_in_a_study_of_many_families(tmp_path):
    series, kinds = bumps()
    task = tuner.Task(series, kinds, metric="average_precision", split=SPLIT)
    quick = {"series_anomaly": {"epochs": 5}, "xgboost": {"n_estimators": 40}}
    study = tuner.tune(task, quick, trials=2, folder=tmp_path / "study", **QUIET)
    assert {trial.family for trial in study.complete} == {"baseline", "series_anomaly", "xgboost"}
    assert study.ensemble("uniform").predict_proba(series[:3]).shape == (3, 2)


@pytest.mark.slow
def test_a_study_file_needs_no_target(tmp_path):
    rng = np.random.default_rng(0)
    first = rng.normal(size=300)
    frame = pd.DataFrame({"a": first, "b": 2 * first + rng.normal(0, 0.1, 300), "c": rng.normal(size=300)})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    text = '[study]\nname = "rows"\nworkers = 0\ntracking = "none"\n[budget]\ntrials = 1\n[data]\ntrain = "rows.csv"\n'
    family = "[families.autoencoder]\nepochs = 3\nlatent = 2\nnoise = 0.0\n"
    (tmp_path / "study.toml").write_text(f'{text}metric = "reconstruction_error"\n{family}')
    ran = CliRunner().invoke(main, ["run", str(tmp_path / "study.toml")])
    assert ran.exit_code == 0, ran.output
    best = tuner.best_model(tmp_path / "runs" / "rows")
    assert best.encode(frame).shape == (300, 2)
    (tmp_path / "study.toml").write_text(f"{text}{family}")
    refused = CliRunner().invoke(main, ["run", str(tmp_path / "study.toml")])
    assert refused.exit_code == 2
    assert "metric must be one of reconstruction_error, negative_elbo, two_sample" in refused.output


@pytest.mark.parametrize(
    ("family", "metric", "message"),
    [
        ("image_conv", None, "it learns a target, and the task has none"),
        ("gan", None, r"another metric: Task\(data, None, metric='two_sample'\)"),
        ("gan", "two_sample", r"reads one input, image, and the task has series \(series\)"),
        ("autoencoder", "negative_elbo", "metric='reconstruction_error'"),
    ],
)
def test_families_that_do_not_fit_say_what_does(family, metric, message, tmp_path):
    task = tuner.Task(bumps()[0], None, metric=metric)
    with pytest.raises(ValueError, match=message):
        tuner.tune(task, [family], trials=1, folder=tmp_path / "study", **QUIET)


def test_the_rarer_class_is_the_same_in_all_folds():
    series, kinds = bumps(odd=200)
    task = tuner.Task(series, kinds, split={"kind": "kfold", "folds": 3})
    family = FAMILIES["series_anomaly"]
    model = family.build(defaults(narrow(family.space(task.signature), {"epochs": 1})), task.signature)
    assert [one.odd for one in model.fit([fold for fold, _ in make_folds(task)], lambda *_: None)] == [1, 1, 1]


@pytest.mark.slow
def test_codes_of_a_table_that_lacks_a_category_in_a_fold(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=120), "b": ["x", "y"] * 60})
    frame.loc[3, "b"] = "once"
    task = tuner.Task(frame, None, split={"kind": "kfold", "folds": 2})
    changes = {"epochs": 2, "latent": 2, "noise": 0.0}
    study = tuner.tune(task, {"autoencoder": changes}, trials=1, folder=tmp_path / "study", **QUIET)
    assert tuner.best_model(study).encode(frame).shape == (120, 2)


def test_what_no_family_reads_is_said_with_the_reasons():
    with pytest.raises(ValueError, match=r"no family fits these rows without a target.*gan: it reads one input"):
        tuner.tune(tuner.Task(bumps()[0], None, metric="two_sample"), trials=1, **QUIET)


def test_a_metric_of_a_target_needs_one():
    with pytest.raises(ValueError, match="rows without a target have one metric"):
        tuner.Task(bumps()[0], None, metrics=["negative_elbo"])
    with pytest.raises(ValueError, match="metric 'rmse' does not fit"):
        tuner.Task(bumps()[0], None, metric="rmse")
    with pytest.raises(ValueError, match="metric 'two_sample' does not fit"):
        tuner.Task(bumps()[0], np.arange(400.0), metric="two_sample")
    labelled = tuner.Task(digits(40), np.arange(40) % 2)
    assert "it learns rows without a target" in FAMILIES["gan"].unfit(labelled.signature)


@pytest.mark.parametrize(
    ("name", "metric", "changes"),
    [
        ("autoencoder", None, {"body": ["dense"]}),
        pytest.param("variational_autoencoder", "negative_elbo", {"body": ["dense"]}, marks=pytest.mark.slow),
        pytest.param("gan", "two_sample", {"body.conv.filters": 16, "epochs": 5}, marks=pytest.mark.slow),
    ],
)
def test_the_same_seed_makes_the_same_model(name, metric, changes, tmp_path):
    task = tuner.Task(digits(200), None, metric=metric, split={"folds": 2})
    family = FAMILIES[name]
    config = defaults(narrow(family.space(task.signature), {"epochs": 3, **changes}))
    folds = [fold for fold, _ in make_folds(task)]
    table, seen = task.rows.table.take(np.arange(40)), []
    for chosen in (folds, folds[1:]):
        fitted = family.build(config, task.signature).fit(chosen, lambda *_: None)
        seen.append([(one.predict(table), next(iter(one.curves.values()))) for one in fitted])
    # The second fold's model is the same after the first one's as alone.
    for mine, others in zip(seen[0][1], seen[1][0], strict=True):
        np.testing.assert_allclose(mine, others, rtol=1e-5)
    assert not np.allclose(seen[0][0][1], seen[0][1][1], rtol=1e-4)
