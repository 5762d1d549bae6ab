"""Learn to write like a text, one character after the other.

    python examples/shakespeare.py input.txt [folder] [time]

One configuration, chosen before any result was seen; the last tenth of the text is held out. Run it again to resume.
"""

import sys

import tuner

text, folder, time = [*sys.argv[1:], *[None, "runs/shakespeare", "28m"][len(sys.argv) - 1 :]]
config = {
    "layers": ["recurrent"],
    "layers.recurrent.cell": "gru",
    "layers.recurrent.units": 384,
    "dropout": 0.3,
    "embedding": 64,
    "batch_size": 64,
    "optimizer": ["adam"],
    "optimizer.adam.learning_rate": 4e-3,
    "schedule": "cosine",
    "epochs": 12,
}
task = tuner.language_task(text)
study = tuner.tune(task, {"language_model": config}, trials=1, time=time, workers=1, seed=0, folder=folder)
print(study.leaderboard()[["trial", "log_loss", "perplexity", "accuracy", "seconds"]].to_string(index=False))
ensemble = study.ensemble("uniform")
ensemble.save(study.folder / "ensemble")
for temperature in (0.2, 0.5, 1.0, 1.2):
    print(f"\n--- temperature {temperature}")
    print("ROMEO:" + tuner.generate(ensemble, "ROMEO:", 300, temperature=temperature, seed=0))
