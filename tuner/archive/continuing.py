"""What may not change between launches of a study, as its trials could not be compared any more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import file_digest
from typing import Any

from spaces.families.family import Family
from spaces.language.space import Space
from tuner.task.task import Task


def differences_of(
    stored: Mapping[str, Any], task: Task, families: Mapping[str, Family], *, seed: int
) -> Iterator[str]:
    """Say what differs of data, metric, split, seed and builders."""
    old, new = stored["task"], json.loads(json.dumps(task.describe()))
    for name in ("target", "metric", "split", "seed"):
        if old[name] != new[name]:
            yield f"its {name} is {old[name]!r}, not {new[name]!r}"
    if old["metrics"] != new["metrics"]:
        yield f"its metrics are {_names(old['metrics'])}, not {_names(new['metrics'])}"
    if old["digest"] != new["digest"] and old["split"] == new["split"] and old["seed"] == new["seed"]:
        yield f"its data differ (has {old['rows']} + {old['test_rows']} rows, not {new['rows']} + {new['test_rows']})"
    if stored["seed"] != seed:
        yield f"its seed is {stored['seed']}, not {seed}"
    for name, family in families.items():
        known = stored["families"].get(name)
        if known is not None and known["source"] != family.source:
            yield f"the builder of {name} changed"


def files_of(family: Family, space: Space) -> dict[str, str]:
    """Return the SHA-256 of each file that a family's models are made of, under its name."""
    found = {}
    for said, path in family.reads(space).items():
        with path.open("rb") as opened:
            found[said] = file_digest(opened, "sha256").hexdigest()
    return found


def changed_files(stored: Mapping[str, Any], files: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Say which files hold something else than when trials were made of them."""
    for family, digests in files.items():
        known = stored["families"].get(family, {}).get("files", {})
        for said, found in digests.items():
            if known.get(said, found) != found:
                yield f"{said}, of which {family} is made, has changed (a new one needs a name of its own)"


def moved_ledger(stored: Mapping[str, Any], ledger: str | None) -> Iterator[str]:
    """Say that a ledger would turn from a file into a database; a database may have another address."""
    if ledger is not None and stored.get("ledger") is None:
        yield f"its ledger is a file in the folder, not {ledger}"


def _names(metrics: Sequence[Any]) -> str:
    return ", ".join(one if isinstance(one, str) else f"{one['name']} {one['parts']}" for one in metrics)
