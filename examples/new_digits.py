"""New handwritten digits: a variational autoencoder and adversarial networks, of images alone.

    python examples/new_digits.py mnist.npz [folder] [time]

The file holds x_train. Each of the two studies has the time. Budget and seed were chosen before any result was seen.
Run it again to resume.
"""

import sys

import numpy as np

import tuner

folder, time = [*sys.argv[2:], *["runs/new_digits", "8m"][len(sys.argv) - 2 :]]
images = np.load(sys.argv[1])["x_train"][:10_000, ..., None]
split = {"kind": "holdout", "share": 0.1}
families = {
    "negative_elbo": {"variational_autoencoder": {"latent": {"low": 8, "high": 32, "default": 16}, "epochs": 30}},
    "two_sample": {"gan": {"epochs": 12, "body.conv.filters": {"high": 32, "default": 16}}},
}
for metric, chosen in families.items():
    task = tuner.Task(images, None, metric=metric, split=split)
    study = tuner.tune(
        task, chosen, time=time, trials=20, trial_time=time, workers=1, seed=0, folder=f"{folder}/{metric}"
    )
    print(study.leaderboard()[["trial", metric, "seconds"]].to_string(index=False))
    best = tuner.best_model(study)
    best.plot().savefig(study.folder / "new.png")
    if metric == "negative_elbo":
        best.plot(images[:32]).savefig(study.folder / "restored.png")
