"""From a folder back to an ensemble, once `manifest.py` has checked it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensembles.combiners.combiner import Combiner
from ensembles.combiners.registry import combiner_from_json
from ensembles.ensemble import Ensemble
from ensembles.manifest import COMBINER, DESCRIPTION, DISTANCES, BundleError, only_bundle_errors, read_manifest
from ensembles.member import Member
from ensembles.requirements import engines_of
from spaces.engines.engine import Engine, check_installed, hand_over
from spaces.engines.xgboost_file import XGBOOST_FILE, check_file
from spaces.inputs.border import blank_row
from spaces.inputs.kinds import hand_over as hand_over_kinds
from spaces.inputs.kinds import kinds_of
from spaces.machine.strange import read_json
from spaces.rows.columns import Schema
from spaces.rows.table import Table
from spaces.rows.target import Target


def load(
    folder: str | Path,
    *,
    engines: Sequence[str | Engine] = (),
    kinds: Sequence[str] = (),
    sha256: str | None = None,
) -> Ensemble:
    """Load an ensemble that was saved, or the one saved in a study's folder.

    It needs neither the builders of the models nor the training data. Nothing of the folder is opened before its
    description and the sums of all files were checked.

    Args:
        folder: The folder.
        engines: Engines of your own that trained some of the models, each or its name, `"module:name"`; their modules
            are imported. Nothing else is, whatever the folder says.
        kinds: Kinds of input of your own, `"module:NAME"` each; the same holds for their modules.
        sha256: The SHA-256 of `ensemble.json`, where you keep it elsewhere; another one is refused.

    Raises:
        BundleError: There is none, a file is missing or was changed, or the format is newer.
        EngineError: A model is of an engine that is neither ours nor imported, or an engine or an extra is not there.
        TableError: An input is of a kind that is neither ours nor imported, or a kind is not there.
    """
    hand_over(engines)
    hand_over_kinds(kinds)
    folder = _bundle(Path(folder)).absolute()
    stored = read_manifest(folder, sha256=sha256)
    members = tuple(
        Member(
            m["trial"],
            m["family"],
            float(m["weight"]),
            tuple(folder / "members" / m["trial"] / f"fold-{k}" for k in range(m["folds"])),
            m.get("on_all_rows", False),
        )
        for m in stored["members"]
    )
    with only_bundle_errors(folder):
        for member in members:  # refuse an unknown engine now, and not at the first prediction
            check_installed(engines_of(member.folders))
            for file in (path for one in member.folders for path in one.rglob(XGBOOST_FILE)):
                check_file(file)
        target, schema = Target.from_json(stored["target"]), Schema.from_json(stored["schema"])
        kinds_of(schema.kinds)  # refuse an unknown kind now, too
        off = np.load(folder / DISTANCES, mmap_mode="r", allow_pickle=False).astype(np.float64)
        combiner = combiner_from_json(read_json(folder / COMBINER))
        _check_distances(off, target)
        _check_combiner(combiner, len(members), target, row=blank_row(schema))
    return Ensemble(stored["method"], stored["metric"], members, schema, target, stored["scores"], combiner, off)


def _bundle(folder: Path) -> Path:
    """Return the folder of a bundle, which may be a study's."""
    for place in (folder, folder / "ensemble"):
        if (place / DESCRIPTION).is_file():
            return place
    hint = f": make one first with `tuner ensemble {folder}`" if (folder / "study.json").exists() else ""
    raise BundleError(f"{folder} holds no ensemble{hint}")


def _check_distances(off: NDArray[np.float64], target: Target) -> None:
    shape = (len(target.parts), off.shape[-1]) if target.parts and off.ndim else (off.size,)
    if off.size and not (
        off.shape == shape and np.isfinite(off).all() and (np.diff(off) >= 0).all() and off.min() >= 0
    ):
        raise ValueError(f"{DISTANCES} holds no sorted distances for each of {len(target.each)} targets: {off.shape}")


def _check_combiner(combiner: Combiner, members: int, target: Target, *, row: Table) -> None:
    """Refuse weights that are none, and what cannot make a prediction of so many members' for a row."""
    weights = np.asarray(combiner.weights)
    if weights.shape != (members,) or not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(f"{COMBINER} needs a weight for each of {members} members, got {weights}")
    outputs = target.outputs
    made = combiner.decide(combiner(np.full((members, 1, outputs), 1 / outputs), row.joined()))
    if made.shape != (1, outputs) or not np.isfinite(made).all():
        raise ValueError(f"{COMBINER} makes {made.tolist()} of predictions of {outputs} outputs")
