"""What is in the picture? Four kinds of convolutional networks on 20,000 images of ten classes (CIFAR-10).

    python examples/cifar.py cifar10.npz [folder] [time]

The file holds x_train, y_train, x_test and y_test. Budget and seed were chosen before any result was seen. Run it again
to resume.
"""

import sys

import numpy as np

import tuner
from tuner.ensembling.build import compare

data = np.load(sys.argv[1])
folder, time = [*sys.argv[2:], *["runs/cifar", "36m"][len(sys.argv) - 2 :]]
split, test = {"kind": "holdout", "share": 0.15}, (data["x_test"], data["y_test"])
task = tuner.Task(data["x_train"], data["y_train"], metrics=["accuracy"], split=split, test=test)
families = {
    f"image_{kind}": {"epochs": 14, f"image.{kind}.filters": {"high": 32, "default": 16}}
    for kind in ("conv", "separable", "residual", "inception")
}
study = tuner.tune(task, families, time=time, trials=30, trial_time="12m", workers=1, seed=0, folder=folder)
print(compare(study, ["uniform", "auto"], test=True).to_string(index=False))
study.ensemble().save(study.folder / "ensemble")
