"""An engine that a user hands over keeps what ours do, and is never looked for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from toys.network import BEGUN, FAMILY, TOY, Line

from spaces import Engine, defaults, family
from spaces.engines.engine import ENGINES, EngineError, at, begin, engine_named
from spaces.engines.together import Together
from spaces.store import load_fitted

KINDS = ("regression", "binary", "multiclass")


@pytest.fixture(params=KINDS)
def trained(request, data):
    d = data(request.param)
    watched = []
    model = FAMILY.build(defaults(FAMILY.space(d.signature)), d.signature)
    fitted = list(
        model.fit(d.folds, lambda step, steps, curves, predict: watched.append((step, steps, predict().shape)))
    )
    return d, fitted, watched


def test_a_network_of_another_engine_keeps_the_contract_of_families(trained, tmp_path):
    d, fitted, watched = trained
    outputs, target = d.signature.target.outputs, d.folds[0].full.target
    first, other = (one.predict(d.new) for one in fitted)
    assert first.shape == (25, outputs)
    assert np.isfinite(first).all()
    assert not np.allclose(first, other)
    order = np.random.default_rng(0).permutation(25)
    np.testing.assert_allclose(fitted[0].predict(d.new.take(order)), first[order], rtol=1e-6)
    assert watched[:2] == [(0, 100, (20, outputs)), (1, 100, (20, outputs))]
    said = fitted[0].predict(d.folds[0].full.table)
    if outputs == 1:
        assert np.mean((said[:, 0] - target) ** 2) < 0.8 * target.var()
    else:
        assert np.mean(said.argmax(axis=1) == target) > np.bincount(target).max() / len(target)
    fitted[0].save(tmp_path)
    np.testing.assert_allclose(load_fitted(tmp_path).predict(d.new), first, rtol=1e-6)


def test_its_networks_run_in_the_fused_path(trained):
    d, fitted, _ = trained
    before = Line.fused
    for one, said in zip(fitted, Together(fitted)(d.new), strict=True):
        np.testing.assert_allclose(said, one.predict(d.new), rtol=1e-6)
    assert Line.fused == before + 1


def test_a_fresh_process_begins_each_engine_once():
    before = len(BEGUN)
    begin([TOY, TOY, ENGINES["sklearn"]], 3)
    assert BEGUN[before:] == [3]


def test_a_stored_name_imports_nothing(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps({"library": "this:s"}))
    with pytest.raises(EngineError, match=r"this is not imported here.*engines=\['this:s'\]"):
        load_fitted(tmp_path)
    assert "this" not in sys.modules


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torch", "engine: unknown name 'torch'"),
        ("json:dumps", "json:dumps must be an Engine of that name, got <function dumps"),
        ("toys.network:TOYS", "toys.network:TOYS must be an Engine of that name, got None"),
    ],
)
def test_an_engine_that_is_not_there_is_refused_by_name(name, message):
    with pytest.raises(EngineError, match=message):
        engine_named(name)


@pytest.mark.parametrize("name", ["nowhere_at_all:TOY", "__main__:TOY", "mine"])
def test_a_family_whose_engine_is_not_called_by_where_it_stands_is_refused(name):
    with pytest.raises(EngineError, match=name):
        family(lambda config, signature: None, {}, name="own", engine=Engine(name, "toys.network:ToyFitted"))


@pytest.mark.parametrize("engine", ENGINES.values(), ids=list(ENGINES))
def test_what_an_engine_names_is_there(engine):
    if engine.extra:
        pytest.importorskip(engine.modules[0], reason=f"pip install 'tuned-ensembles[{engine.extra}]'")
    assert at(engine.fitted).library == engine.name
    for where in filter(None, (engine.model, engine.begin, engine.restored)):
        assert callable(at(where))


def test_engines_are_named_in_one_place():
    """Nobody else asks which library it is."""
    root = Path(__file__).parents[3]
    for path in [path for room in ("spaces", "tuner", "ensembles") for path in (root / room).rglob("*.py")]:
        if path.name not in ("engine.py", "catalog.py", "demo.py"):
            text = path.read_text()
            assert not [name for name in ENGINES if f'"{name}"' in text], path
