"""Cat or dog? A pretrained base, frozen, beside a convnet that begins with nothing; then its top trained further.

    python examples/pets.py cats_dogs.npz squeezenet.npz [folder] [time]

The first file holds `image`, uint8 `(rows, height, width, 3)`, and `dog`; the second the weights of SqueezeNet. Numbers
are of rows held out in five folds. Budget and seed were chosen before any result was seen. Run it again to resume.
"""

import sys

import numpy as np
from squeezenet import squeezenet

import tuner
from ensembles.choosing.cross_fitting import paired_difference
from tuner.ensembling.build import compare

folder, time = [*sys.argv[3:], *["runs/pets", "10m"][len(sys.argv) - 3 :]]
task = tuner.Task(sys.argv[1], "dog", metrics=["accuracy"])
base = {"base": str(tuner.pretrained_base(sys.argv[2], squeezenet)), "preprocessing": "caffe"}
conv = {"epochs": 6, "image.conv.filters": 8, "image.conv.convolutions": 1}
families = {"image_pretrained": {**base, "head.network.fine_tuning": ["none"]}, "image_conv": conv}
settings = {"trial_time": "16m", "workers": 1, "seed": 0}
frozen = tuner.tune(task, families, time=time, trials=40, weights={"image_pretrained": 9.0}, folder=folder, **settings)
print(compare(frozen, ["uniform", "auto"]).to_string(index=False))
best = next(trial for trial in frozen.complete if trial.params.get("head") == "network")
top = "head.network.fine_tuning"
tuned = {**base, **best.params, top: "top", f"{top}.top.stages": 1, f"{top}.top.epochs": 3}
whole = tuner.tune(task, {"image_pretrained": tuned}, trials=1, folder=f"{folder}-tuned", **settings)
two = ((frozen, best), (whole, whole.complete[0]))
said = [np.load(study.attempt_folder(trial) / "held_out.npz") for study, trial in two]
rows, target = said[0]["rows"], task.rows.target
right = [(one["predictions"].argmax(axis=1) == target[rows]).astype(float)[:, None] for one in said]
gain = paired_difference(np.arange(len(rows)), right[1], right[0], score=lambda at, outputs: float(outputs.mean()))
frozen_mean, mean = (one.mean() for one in right)
print(f"accuracy frozen {frozen_mean:.4f}, then trained further {mean:.4f}: {gain[0]:+.4f} ({gain[1]:.4f})")
frozen.ensemble().save(frozen.folder / "ensemble")
