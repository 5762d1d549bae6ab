"""What a study's folder says of itself to whoever finds it: a page, and the leaderboard."""

from __future__ import annotations

import time

from spaces.machine.disk import write_text
from tuner.archive.report import leaderboard
from tuner.archive.study_folder import Archive

_SECONDS = 60.0  # between two leaderboards: at a thousand trials each takes a part of a second

_PAGE = """\
# {name}

A study of *tuner*: it searched for models that predict {target}, and kept all that it did in this folder.

```
{task}
  families {families}
```

The commands below are meant for the folder above this one.

| to | type |
|---|---|
| see how it stands | `tuner status {name}` |
| see its trials, best first | `tuner leaderboard {name}` (or open `leaderboard.csv`) |
| see one trial whole | `tuner show {name} TRIAL` |
| see all of it in a browser | `tuner report {name} --open`, `tuner ui {name} --open` |
| go on | {resume} |
| combine the best models | `tuner ensemble {name}` |
| predict new rows | `tuner predict {name}/ensemble ROWS.csv -o PREDICTIONS.csv` |

In Python: `study = tuner.load_study("{name}")`, then `study.leaderboard()` and `study.ensemble().predict(frame)`.

| here lies | what it is |
|---|---|
| `study.json` | the study: its task, its seed, and what was searched |
| `study.toml` | the study file as it was run, if it was run from one |
| `ledger.db` | every trial: an Optuna storage |
| `data/` | the rows that it learned from |
| `trials/` | of each trial and attempt: predictions, curves, models, and the traceback of what failed |
| `ensemble/` | the last ensemble; it can be copied elsewhere, and needs nothing else here |
| `leaderboard.csv` | the trials, brought up to date now and then, and at the end |
| `driver.log`, `workers/` | what was said while it ran |

Everything but `README.md`, `leaderboard.csv` and the logs is read again: leave it as it is.
"""


def explain(study: Archive) -> None:
    """Write `README.md` in a study's folder."""
    again = f"`tuner run {study.name}/study.toml --folder {study.name}`"
    page = _PAGE.format(
        name=study.name,
        target=study.task.target.name,
        task=study.task,
        families=", ".join(study.families),
        resume=f"the same command or call again; where there is a study file, {again}",
    )
    write_text(study.folder / "README.md", page)


class KeptLeaderboard:
    """Keeps `leaderboard.csv` in a study's folder, and does not write it too often.

    Args:
        study: The study.
    """

    def __init__(self, study: Archive) -> None:
        self._study, self._written = study, time.monotonic()

    def told(self) -> None:
        """Note that a trial ended."""
        if time.monotonic() - self._written > _SECONDS:
            self.write()

    def write(self) -> None:
        """Write it; a disk that is full must not end the study, and a folder that is gone is not to come back."""
        if not self._study.is_there():
            return
        try:
            write_text(self._study.folder / "leaderboard.csv", leaderboard(self._study).to_csv(index=False))
        except OSError:
            pass
        self._written = time.monotonic()
