"""Fixed random convolutions are what their paper says, learned of training rows only, and kept with a model."""

from __future__ import annotations

from itertools import combinations
from uuid import uuid4

import numpy as np
import pytest

from spaces import FAMILIES, Fold, Input, Rows, Signature, Target, defaults, narrow
from spaces.engines.together import Together
from spaces.inputs.arrays import ArrayRecipe, prepare_array
from spaces.inputs.series.convolutions import Convolutions, Convolved, dilations_of, learn_convolutions
from spaces.inputs.series.reading import SeriesReading
from spaces.rows.arrays import Stretches
from spaces.rows.table import Table
from spaces.store import load_fitted


def a_table(series, key=None):
    return Table(np.empty((len(series), 0)), np.empty((len(series), 0), np.int32), key, arrays=(series,))


def by_hand(series, *, kernel, dilation, bias, whole):
    """Sum weights times steps, one after the other, as the definition of a dilated convolution says."""
    places = list(combinations(range(9), 3))[kernel]
    weights = [2.0 if i in places else -1.0 for i in range(9)]
    found = []
    for step in range(len(series)):
        reached = [step + (i - 4) * dilation for i in range(9)]
        if whole or (min(reached) >= 0 and max(reached) < len(series)):
            values = [series[at] if 0 <= at < len(series) else 0.0 for at in reached]
            found.append(float(np.dot(weights, values)) > bias)
    return np.mean(found)


@pytest.mark.parametrize(("place", "dilation"), [(0, 1), (1, 3)])
@pytest.mark.parametrize("kernel", [0, 1, 17, 83])
def test_a_share_is_that_of_the_steps_counted_by_hand(place, dilation, kernel):
    series = np.random.default_rng(0).normal(size=(2, 30, 1)).astype(np.float32)
    biases = np.linspace(-4, 4, 2 * 84).astype(np.float32)
    channels, sizes = np.ones((2, 84, 1), bool), np.ones(2, np.int64)
    drawn = Convolved(np.array([1, 3]), sizes, channels, biases, np.zeros(168), np.ones(168))
    for row, share in enumerate(drawn.shares(series)[:, 84 * place + kernel]):
        wanted = by_hand(
            series[row, :, 0].astype(float),
            kernel=kernel,
            dilation=dilation,
            bias=biases[84 * place + kernel],
            whole=(place + kernel) % 2 == 0,
        )
        assert share == pytest.approx(wanted, abs=1e-6)


def test_convolutions_of_channels_add_up():
    rng = np.random.default_rng(0)
    series = rng.normal(size=(5, 20, 3)).astype(np.float32)
    channels = np.zeros((1, 84, 3), bool)
    channels[:, :, [0, 2]] = True
    given = (np.array([2]), np.array([1]))
    rest = (np.linspace(-3, 3, 84).astype(np.float32), np.zeros(84), np.ones(84))
    two = Convolved(*given, channels, *rest).shares(series)
    one = Convolved(*given, np.ones((1, 84, 1), bool), *rest).shares(series[..., [0]] + series[..., [2]])
    np.testing.assert_allclose(two, one, atol=0.051)  # a step at a bias may fall to either side
    assert (two == one).mean() > 0.99


@pytest.mark.parametrize("steps", [9, 10, 24, 150, 2000])
@pytest.mark.parametrize("per_kernel", [1, 5, 119])
def test_dilations_reach_the_length_of_a_series_and_no_further(steps, per_kernel):
    dilations, shares = dilations_of(steps, per_kernel)
    assert shares.sum() == per_kernel
    assert shares.min() >= 1
    assert dilations[0] == 1
    assert 8 * dilations.max() < steps
    if per_kernel == 119 and steps > 10:
        assert 8 * dilations.max() > 0.6 * steps


def test_biases_are_quantiles_of_what_kernels_make_of_training_rows():
    series = np.random.default_rng(0).normal(size=(40, 50, 2)).astype(np.float32)
    learned, columns = learn_convolutions(Convolutions(84 * 20), series)
    shares = learned.shares(series)
    assert shares.shape == (40, 84 * 20)
    assert 0.45 < shares.mean() < 0.55  # as the quantiles are spread evenly
    assert shares.std(axis=1).min() > 0.2
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-3)  # of float32
    np.testing.assert_allclose(columns, learned.columns(series))


def test_the_seed_decides():
    series = np.random.default_rng(0).normal(size=(20, 30, 4)).astype(np.float32)
    one, again, other = (learn_convolutions(Convolutions(840, seed), series)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.biases, again.biases)
    np.testing.assert_array_equal(one.channels, again.channels)
    assert (one.biases != other.biases).mean() > 0.9
    assert (one.channels != other.channels).any()


def test_a_row_alone_is_what_it_is_among_others():
    series = np.random.default_rng(0).normal(size=(300, 700, 1)).astype(np.float32)  # several pieces, above 255 steps
    learned, _ = learn_convolutions(Convolutions(420), series[:50])
    together = learned.columns(series)
    for row in (0, 177, 299):
        np.testing.assert_array_equal(learned.columns(series[[row]])[0], together[row])


def test_rows_of_one_value_have_columns_without_meaning_and_no_missing_ones():
    flat = np.full((6, 12, 1), 3.0, np.float32)
    prepared = prepare_array(
        ArrayRecipe(0, "series", SeriesReading(flat=True, convolutions=Convolutions(840))), a_table(flat)
    )
    assert (prepared.array(a_table(flat)) == 0).all()
    assert np.isfinite(prepared.array(a_table(flat + np.arange(12)[:, None]))).all()


def test_windows_of_a_forecast_are_read_as_the_arrays_they_stand_for():
    base = np.random.default_rng(0).normal(size=(80, 2)).cumsum(axis=0).astype(np.float32)
    windows = Stretches(base, np.arange(60), 20)
    recipe = ArrayRecipe(0, "series", SeriesReading(flat=True, convolutions=Convolutions(840)))
    prepared = prepare_array(recipe, a_table(windows))
    written = np.asarray(prepared.array(a_table(np.asarray(windows))))
    np.testing.assert_array_equal(prepared.array(a_table(windows)), written)
    assert written.std(axis=0).min() > 0 or written.shape == (60, 840)


# As a way in which models read series.


def a_task(*, steps=30, rows=60, target=None):
    """Series that hold a rise or a fall somewhere."""
    rng = np.random.default_rng(3)
    series, codes = rng.normal(0, 0.3, (rows, steps, 1)).astype(np.float32), rng.integers(0, 2, rows)
    for row, place in enumerate(rng.integers(0, steps - 3, rows)):
        series[row, place : place + 3, 0] += np.array([-2, 0, 2]) * (1 if codes[row] else -1)
    signature = Signature(
        (Input("series", "series", (steps, 1)),), (target or Target("y", "binary", ("fall", "rise"), "log_loss"),), rows
    )
    return series, codes.astype(np.int64), signature


def a_fold(series, codes, rows):
    key = uuid4().hex
    some = [np.arange(rows), np.arange(rows - 20), np.arange(rows - 20, rows)]
    full, train, inner = (
        Rows(a_table(series).take(index, f"{key}/{part}"), codes[index])
        for part, index in zip(("full", "train", "inner"), some, strict=True)
    )
    return Fold(full, train, inner, seed=1)


def fitted_of(family, signature, fold, **changes):
    config = defaults(narrow(FAMILIES[family].space(signature), changes))
    (fitted,) = FAMILIES[family].build(config, signature).fit([fold], lambda *_: None)
    return fitted


FEW = {"series.convolutions.features": 840}
WAYS = {
    "linear": FEW,
    "xgboost": {**FEW, "n_estimators": 60},
    "random_forest": {**FEW, "n_estimators": 40},
    "series_dense": {
        "series.dense.reads": ["convolutions"],
        "epochs": 12,
        "optimizer.adam.learning_rate": 5e-3,
        "series.dense.reads.convolutions.features": 840,
    },
}


@pytest.mark.parametrize("family", list(WAYS))
def test_a_model_that_reads_them_finds_a_shape_and_predicts_the_same_when_loaded(family, tmp_path):
    series, codes, signature = a_task(rows=260)
    fitted = fitted_of(family, signature, a_fold(series, codes, 160), **WAYS[family])
    new = a_table(series[160:])
    predicted = fitted.predict(new)
    chosen = predicted[:, 0] > 0.5 if predicted.shape[1] == 1 else predicted.argmax(axis=1)
    assert (chosen == codes[160:]).mean() > 0.5 + 4 * 0.5 / np.sqrt(100)  # four standard errors above guessing
    fitted.save(tmp_path)
    np.testing.assert_allclose(load_fitted(tmp_path).predict(new), predicted, rtol=1e-6)
    (reader,) = fitted.readers
    assert reader.arrays[0].learned.convolved is not None


def test_only_training_rows_say_what_is_read():
    series, codes, signature = a_task()
    changed = series.copy()
    changed[40:] += 100
    one, other = (fitted_of("xgboost", signature, a_fold(of, codes, 60)) for of in (series, changed))
    biases = [fitted.prepared.arrays[0].learned.convolved.biases for fitted in (one, other)]
    np.testing.assert_array_equal(*biases)  # the inner rows, of which early stopping knows, teach nothing


def test_models_of_the_same_rows_share_what_they_read():
    series, codes, signature = a_task()
    fold = a_fold(series, codes, 60)
    one, other = (fitted_of("linear", signature, fold), fitted_of("random_forest", signature, fold, n_estimators=5))
    weak = fitted_of("linear", signature, fold, penalty=["given"])
    together = Together([one, weak, other])
    assert len(together._readers) == 2  # both linear models have one
    for fitted, predicted in zip((one, weak, other), together(a_table(series)), strict=True):
        np.testing.assert_allclose(predicted, fitted.predict(a_table(series)), rtol=1e-6)


@pytest.mark.parametrize("family", ["linear", "xgboost", "random_forest", "series_dense"])
def test_they_are_offered_where_series_are_long_enough(family):
    def offered(steps):
        space = FAMILIES[family].space(a_task(steps=steps)[2])
        found = space["series"]["dense"].get("reads") if family == "series_dense" else space.get("series")
        return [] if found is None else list(found.options)

    assert offered(8) == []
    assert "convolutions" in offered(9)


def test_classes_are_read_by_them_first_and_values_by_lags():
    values = Target("y", "regression")
    for family in ("linear", "xgboost", "random_forest"):
        of_classes, of_values = (FAMILIES[family].space(a_task(target=one)[2]) for one in (None, values))
        assert list(defaults(of_classes)["series"]) == ["convolutions"]
        assert list(defaults(of_values)["series"]) == ["lags"]


def test_many_rows_have_fewer_columns():
    def features(rows):
        space = FAMILIES["linear"].space(a_task(rows=60)[2].__class__(*(a_task()[2].inputs, a_task()[2].targets, rows)))
        return defaults(space)["series"]["convolutions"]["features"]

    assert features(300) == 9996
    assert features(100_000) * 100_000 * 4 <= 80_000_000
    assert features(10_000_000) == 84
