"""Which digit is it? Convolutional networks on 60,000 images.

    python examples/mnist.py mnist.npz [folder] [time]

The file holds x_train, y_train, x_test and y_test. Budget and seed were chosen before any result was seen. Run it again
to resume.
"""

import sys

import numpy as np

import tuner
from tuner.ensembling.build import compare

data = np.load(sys.argv[1])
folder, time = [*sys.argv[2:], *["runs/mnist", "28m"][len(sys.argv) - 2 :]]
train, test = data["x_train"][..., None], (data["x_test"][..., None], data["y_test"])
split = {"kind": "holdout", "share": 0.1}
task = tuner.Task(train, data["y_train"], metrics=["accuracy"], split=split, test=test)
small = {"filters": {"high": 32, "default": 16}, "convolutions": 1}
families = {
    "image_conv": {"epochs": 12, **{f"image.conv.{name}": value for name, value in small.items()}},
    "linear": {},
}
study = tuner.tune(task, families, time=time, trials=30, trial_time="14m", workers=1, seed=0, folder=folder)
print(compare(study, ["uniform", "auto"], test=True).to_string(index=False))
study.ensemble().save(study.folder / "ensemble")
