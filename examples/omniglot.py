"""One-shot learning: which of twenty characters, each seen once, is this drawing? None of them was in training.

    python examples/omniglot.py images_background_small1 [folder] [time]

A siamese network learns whether two drawings, in a folder for each character, show the same one. Budget and seed were
chosen before any result was seen. Run it again to resume.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import tuner
from tuner import single_ensemble

folder, time = [*sys.argv[2:], *["runs/omniglot", "15m"][len(sys.argv) - 2 :]]
files, rng = tuner.image_folder(sys.argv[1])["image"].to_numpy(), np.random.default_rng(0)
characters = np.unique([str(Path(file).parent) for file in files], return_inverse=True)[1]
cells, drawn = characters % 6, []  # pairs are drawn within a cell: folds share no character; cell 5 is the test
for a, same in [(a, same) for _ in range(3) for a in range(len(files)) for same in (True, False)]:
    others = np.flatnonzero((cells == cells[a]) & ((characters == characters[a]) == same))
    drawn.append({"left": files[a], "right": files[rng.choice(others[others != a])], "cell": cells[a], "same": same})
rows = pd.DataFrame(drawn)
train, test = (part.reset_index(drop=True) for part in (rows[rows["cell"] < 5], rows[rows["cell"] == 5]))
given = {"image": ["left", "right"], "image_size": (28, 28), "split": {"kind": "holdout", "share": 0.2}}
task = tuner.Task(train, "same", **given, group="cell", metrics=["accuracy"], test=test)
families = {"siamese": {"epochs": 20, "image": ["conv"], "image.conv.filters": {"high": 32, "default": 16}}}
study = tuner.tune(task, families, time=time, trials=30, trial_time="6m", workers=1, seed=0, folder=folder)
print((ensemble := study.ensemble()).test())
left, right, number = [], [], min(20, len(np.unique(characters[cells == 5])))
for _ in range(200):  # each drawing beside one of its own character, which comes first, and of others
    chosen = rng.choice(np.unique(characters[cells == 5]), number, replace=False)
    drawing, *seen = rng.choice(files[characters == chosen[0]], 2, replace=False)
    seen += [rng.choice(files[characters == other]) for other in chosen[1:]]
    left, right = [*left, *[drawing] * number], [*right, *seen]
for name, model in {"ensemble": ensemble, "best single": single_ensemble(study, ensemble.best)}.items():
    said = model.predict_proba(pd.DataFrame({"left": left, "right": right}))[:, 1].reshape(-1, number)
    print(f"{name}: {np.mean(said.argmax(axis=1) == 0):.3f} of 200 right, one of {number} by chance")
