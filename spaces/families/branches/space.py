"""The spaces of the networks with a branch for each input. No library is imported here: a space is data.

What reads the inputs of a kind stands under the kind's name, by the name of the branch.
"""

from __future__ import annotations

from spaces.families.shared_spaces import training
from spaces.inputs.kind import LEARNING_RATE, InputKind, TrainingPace
from spaces.inputs.kinds import kind_named, kinds_of
from spaces.inputs.table.spaces import scalings
from spaces.inputs.text.spaces import branch
from spaces.language.leaves import Choice, Int
from spaces.language.space import Space
from spaces.layers.spaces import hidden_space
from spaces.rows.signature import Input, Signature

_FEW_ROWS = 500


def kind_space(kind: InputKind, name: str, signature: Signature) -> Space:
    """Return the space of a family whose inputs of a kind are all read by one branch, outputs concatenated."""
    one = next(one for one in signature.inputs if kind_named(one.kind).name == kind.name)
    others = {other: its for other, its in _arrays(signature).items() if other != kind.name}
    network = _network(signature)
    trained = dict(kind.trained(name, one, signature, network["batch_size"]))
    rates = trained.pop(LEARNING_RATE, None)
    slower = {} if rates is None else training(signature, learning_rate=rates)
    return {kind.name: {name: kind.branches[name](one, signature)}, **others, **network, **slower, **trained}


def functional_space(signature: Signature) -> Space:
    """Return the space: which branch reads each kind of input, and how the branches' outputs become one."""
    several = len(signature.inputs) > 1
    merges: dict[str, Space] = {"concatenate": {}, "add": {}, "multiply": {}}
    if not signature.texts:
        merge = {"merge": Choice(merges)} if several else {}
        return {**_arrays(signature), **merge, **_network(signature)}
    branches: dict[str, Space] = {}
    for name in kind_named("text").branches:
        asked = len(signature.texts) > 1 and name != "ngrams"
        attention: dict[str, Space] = {"attention": {"hops": Int(1, 3, default=2)}} if asked else {}
        merge = {"merge": Choice({**attention, **merges})} if several else {}
        branches[name] = {**branch(name, signature, positions=asked), **merge}
    texts = {"text": Choice({name: branches[name] for name in ("embedding", *branches)})}
    return {**texts, **_arrays(signature), **_network(signature)}


def siamese_space(signature: Signature) -> Space:
    """Return the space: which branch, one for both inputs, and how its two outputs are compared."""
    comparison = Choice(["all", "difference_and_product", "distance"])
    texts: Space = {}
    if signature.texts:
        texts = {"text": _branches(kind_named("text"), signature.texts[0], signature)}
    # Whether two vectors are alike is no linear function of them.
    network = {**_network(signature), "depth": _hidden(Int(1, 3, default=1))}
    if signature.pair is not None and signature.pair[0].kind == "table":
        network |= {"table": {"depth": _of_table(Int(1, 3, default=1))}}
    return {**texts, **_arrays(signature), "comparison": comparison, **network}


def _arrays(signature: Signature) -> Space:
    """Return the space of the branches of arrays: of several of a kind, by the last."""
    inputs = {kind_named(one.kind).name: one for one in signature.arrays}
    return {name: _branches(kind_named(one.kind), one, signature) for name, one in inputs.items()}


def _branches(kind: InputKind, one: Input, signature: Signature) -> Choice:
    return Choice({name: kind.branches[name](one, signature) for name in (kind.first, *kind.branches)})


def _pace(signature: Signature) -> TrainingPace:
    """Return the slowest pace of the kinds that are read."""
    paces = [kind.pace for kind in kinds_of(one.kind for one in signature.inputs).values()]
    return TrainingPace(
        batch=min(pace.batch for pace in paces),
        epochs=min(pace.epochs for pace in paces),
        patience=min(pace.patience for pace in paces),
        few_rows=all(pace.few_rows for pace in paces),
    )


def _network(signature: Signature) -> Space:
    """Return what all families have in common: the branch of a table, layers after the branches, and training."""
    pace = _pace(signature)
    largest = max(32, min(pace.batch, signature.rows // 20))
    # An epoch over a few dozen rows is one or two steps.
    scarce = max(1, min(10, _FEW_ROWS // max(1, signature.rows))) if pace.few_rows else 1
    table: Space = {}
    if signature.tables:
        table = {
            "scaling": Choice(scalings(signature)),
            "table": {"depth": _of_table(Int(0, 3, default=1))},
            "dropped_features": 0.0,
        }
    return {
        **table,
        "depth": _hidden(Int(0, 2, default=0)),
        **training(signature, learning_rate=(2e-4, 1e-2, 2e-3)),
        "batch_size": Int(max(16, largest // 16), largest, log=True),
        "epochs": pace.epochs * scarce,
        "patience": pace.patience * scarce,
    }


def _hidden(depth: Int) -> Choice:
    return hidden_space(depth, Int(16, 256, log=True))


def _of_table(depth: Int) -> Choice:
    return hidden_space(depth, Int(8, 256, log=True))
