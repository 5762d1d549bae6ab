"""Files of XGBoost that were forged are refused before XGBoost follows what stands in them."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import numpy as np
import pytest
import xgboost

from spaces.engines.xgboost import XGBoostFitted
from spaces.engines.xgboost_file import check_file, check_text
from spaces.machine.strange import StrangeFile

ROWS = np.column_stack(
    [np.random.default_rng(0).normal(size=(300, 3)), np.random.default_rng(1).integers(0, 9, 300)]
).astype(np.float32)
VALUES = ROWS[:, 0] + (ROWS[:, 3] % 3)
CLASSES = {"objective": "multi:softprob", "num_class": 3}


def grown(**settings):
    labels = np.digitize(VALUES, [0, 1.5]) if "num_class" in settings else VALUES
    rows = xgboost.DMatrix(ROWS, labels, feature_types=["q", "q", "q", "c"], enable_categorical=True)
    given = {"tree_method": "hist", "max_depth": 3, "verbosity": 0, "nthread": 1, **settings}
    return xgboost.train(given, rows, num_boost_round=5)


@pytest.fixture(scope="module")
def model():
    """What a model with sets of categories says of itself."""
    return json.loads(grown(max_cat_to_onehot=1).save_raw("json").decode())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        CLASSES,
        {"gamma": 5.0},
        {"grow_policy": "lossguide", "max_leaves": 5},
        {"max_cat_to_onehot": 1},
        {"objective": "reg:absoluteerror"},
        {"objective": "reg:absoluteerror", "gamma": 100.0},
    ],
)
def test_what_xgboost_writes_is_taken(tmp_path, settings):
    booster = grown(**settings)
    booster.save_model(path := tmp_path / "model.ubj")
    check_file(path)
    check_text(booster.save_raw("json").decode(), "it")
    np.testing.assert_array_equal(
        XGBoostFitted.opened(path).inplace_predict(ROWS, validate_features=False),
        booster.inplace_predict(ROWS, validate_features=False),
    )


def first_split(model, name, value):
    model["learner"]["gradient_booster"]["model"]["trees"][0][name][0] = value


FORGED = {
    "leads nowhere": lambda model: first_split(model, "left_children", 10**6),
    "leads nowhere: itself": lambda model: first_split(model, "right_children", 0),
    "a column": lambda model: first_split(model, "split_indices", 4),
    "no parent": lambda model: first_split(model, "parents", 5),
    "sizes differ": lambda model: model["learner"]["learner_model_param"].update(num_feature="9"),
    "a set of categories": lambda model: first_split(model, "categories_nodes", 10**6),
    "a set of categories, too large": lambda model: first_split(model, "categories", 2**31),
    "no class": lambda model: model["learner"]["gradient_booster"]["model"].update(tree_info=[7] * 5),
    "no trees": lambda model: model["learner"]["gradient_booster"]["model"].update(iteration_indptr=[0, 10**6]),
    "no gbtree": lambda model: model["learner"]["gradient_booster"].update(name="dart"),
    "left_children holds no whole": lambda model: first_split(model, "left_children", float("nan")),
    "'learner'": lambda model: model.clear(),
}


def with_categories(model):
    """Bring a tree with a set of categories to the front."""
    trees = model["learner"]["gradient_booster"]["model"]["trees"]
    trees.sort(key=lambda tree: not tree["categories"])
    return model


@pytest.mark.parametrize("complaint", FORGED)
def test_indices_that_lead_out_of_the_trees_are_refused(model, complaint):
    forged = with_categories(copy.deepcopy(model))
    check_text(json.dumps(forged), "it")
    FORGED[complaint](forged)
    with pytest.raises(
        StrangeFile, match=f"it holds no trees as XGBoost writes them: .*{complaint.split(':')[0].split(',')[0]}"
    ):
        check_text(json.dumps(forged), "it")


def test_150_random_changes_of_a_file_are_refused_or_harm_nothing(tmp_path):
    whole = bytes(grown(**CLASSES).save_raw("ubj"))
    path, refused = Path(tmp_path / "model.ubj"), 0
    for seed in range(150):
        rng, changed = random.Random(seed), bytearray(whole)
        for _ in range(rng.choice([1, 1, 5])):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        path.write_bytes(changed[: rng.choice([len(changed), len(changed), rng.randrange(len(changed))])])
        try:
            check_file(path)
            XGBoostFitted.opened(path).inplace_predict(ROWS, validate_features=False)
        except (StrangeFile, xgboost.core.XGBoostError):
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 10_000, b"{}x", b"[$L#L" + b"\x7f" * 8, b"SL" + b"\xff" * 8])
def test_what_is_no_such_file_is_refused(tmp_path, content):
    path = tmp_path / "model.ubj"
    path.write_bytes(content)
    with pytest.raises(StrangeFile, match=f"{path} holds no trees"):
        check_file(path)


def test_a_name_that_stands_there_twice_is_refused(model):
    text = json.dumps(model)
    with pytest.raises(StrangeFile, match="a name stands there twice"):
        check_text(text.replace('"name": "gbtree"', '"name": "gbtree", "name": "gbtree"'), "it")
