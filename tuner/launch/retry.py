"""Failed trials of a study are tried once more: the next launch takes them up as it does trials that were cut off."""

from __future__ import annotations

import json
from pathlib import Path

from spaces.language.space import from_json
from spaces.machine.disk import write_text
from tuner.archive.study_folder import read_study_file
from tuner.launch.tune import locked
from tuner.search.changed_space import turn_page_of_failed
from tuner.search.stores import writing
from tuner.study import store_of
from tuner.trials.outcome import forget_end, trial_name


def retry_failed(folder: str | Path) -> list[str]:
    """Let the next launch of a study try its failed trials once more, and return their names.

    Trials keep their numbers and parameters. A trial stays failed if its configuration is no point of the space any
    more, or if it only repeats the result of an equal one.

    Args:
        folder: The study's folder.

    Raises:
        StudyError: The folder holds no study, or another process runs it.
        LedgerError: The ledger cannot be used.
    """
    folder = Path(folder).absolute()
    read_study_file(folder)
    with locked(folder):
        stored = read_study_file(folder)
        with writing(store := store_of(folder, stored)):
            names = []
            for family, about in stored["families"].items():
                changes = about.get("changes", [])
                count, failed = turn_page_of_failed(store, family, space=from_json(about["space"]), changes=changes)
                if failed:
                    first = changes[-1] if changes else 0
                    about |= {"starts": about["starts"][count - first :], "changes": [*changes, count]}
                    names += [trial_name(family, number) for number in failed]
            for name in names:
                forget_end(folder / "trials" / name)
            if names:
                write_text(folder / "study.json", json.dumps(stored, indent=1))  # from here on, the new pages count
    return names
