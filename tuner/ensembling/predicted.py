"""What trials predicted of the rows that were held out of them, as it lies on disk."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from spaces.machine.torn import read_arrays
from tuner.archive.study_folder import Archive, StudyError
from tuner.search.ledger import Trial


def predicted(study: Archive, trials: Sequence[Trial]) -> dict[str, dict[str, NDArray[Any]]]:
    """Read what trials predicted; one whose file is damaged or gone is left out, which the log says.

    Returns:
        Of each trial, by its name, what `held_out.npz` holds.

    Raises:
        StudyError: None of them can be read.
    """
    found, wrong = {}, ""
    for trial in trials:
        try:
            found[trial.name] = read_arrays(study.attempt_folder(trial) / "held_out.npz")
        except (OSError, ValueError) as error:
            wrong = f"{trial.name} is left out, as what it predicted cannot be read: {error}"
            logging.getLogger("tuner").warning(wrong)
    if not found:
        raise StudyError(wrong)
    return found
