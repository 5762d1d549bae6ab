"""Images within a time: a study of ours, linear alone, and a plain Keras convnet with early stopping.

    python -m benchmarks.peers_images FOLDER [--sets mnist cifar10] [--seconds 240] [--sides ours plain linear]

FOLDER holds `mnist/*.npz` (`x_train`, `y_train`, `x_test`, `y_test`) and `cifar10/*.npz` (`train_jpeg`,
`train_offsets`, `train_labels`, and those of `test`; image i is `jpeg[offsets[i]:offsets[i + 1]]`). Each side is a
fresh process that gets the training rows and the seconds, from its first line to its predictions of the test rows. Ours
is `tune(task, time=...)` and `study.ensemble()`, nothing else; `linear` the same of that family alone. The plain
convnet is what tutorials show: two convolutions with max pooling, dropout, a dense layer, Adam, batches of 128, a tenth
of the rows to stop early on, and the clock. Rows are appended to `results/peers_images.jsonl` with their seconds; those
that are there are not run again. Sets, seconds, seed and the convnet stand here before any score was seen.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.beside import main

SETS = ("mnist", "cifar10")
SIDES = ("ours", "plain", "linear")
SECONDS, SEED = 240.0, 0
_SPARED = 15.0  # seconds that the plain convnet leaves for its last epoch, predictions and the start
Data = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]


def measure(folder: Path, name: str, side: str, seconds: float) -> float:
    """Return a side's accuracy on the test rows."""
    images, labels, test, answers = _read(folder, name)
    run = {"ours": _ours, "plain": _plain, "linear": _linear}[side]
    return float((run(images, labels, test, seconds) == answers).mean())


def _ours(images: Any, labels: Any, test: Any, seconds: float, **chosen: Any) -> NDArray[np.int64]:
    import tuner

    with tempfile.TemporaryDirectory() as folder:
        task = tuner.Task(images, labels)
        study = tuner.tune(task, time=seconds, folder=Path(folder) / "study", seed=SEED, progress=False, **chosen)
        ensemble = study.ensemble()
        return np.asarray(ensemble.predict(test), np.int64).ravel()


def _linear(images: Any, labels: Any, test: Any, seconds: float) -> NDArray[np.int64]:
    return _ours(images, labels, test, seconds, families=["linear"])


def _plain(images: Any, labels: Any, test: Any, seconds: float) -> NDArray[np.int64]:
    started = time.monotonic()
    import keras

    keras.utils.set_random_seed(SEED)

    class Clock(keras.callbacks.Callback):
        """Stops when the next epoch would not end in time."""

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.begun = time.monotonic()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            now = time.monotonic()
            if now + (now - self.begun) > started + seconds - _SPARED:
                self.model.stop_training = True

    model = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(len(np.unique(labels)), activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    order = np.random.default_rng(SEED).permutation(len(images))
    stop = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    model.fit(
        images[order],
        labels[order],
        batch_size=128,
        epochs=1000,
        validation_split=0.1,
        callbacks=[stop, Clock()],
        verbose=0,
    )
    return np.asarray(model.predict(test, batch_size=500, verbose=0).argmax(axis=1), np.int64)


def _read(folder: Path, name: str) -> Data:
    """Return images and labels to train on, and those of the test rows."""
    (path,) = sorted((folder / name).glob("*.npz"))
    with np.load(path) as stored:
        kept = {key: stored[key] for key in stored.files}
    if name == "mnist":
        images, test = (kept[key][..., None] for key in ("x_train", "x_test"))
        return images, kept["y_train"].astype(np.int64), test, kept["y_test"].astype(np.int64)
    images, test = (_decoded(kept[f"{part}_jpeg"], kept[f"{part}_offsets"]) for part in ("train", "test"))
    return images, kept["train_labels"].astype(np.int64), test, kept["test_labels"].astype(np.int64)


def _decoded(stored: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint8]:
    from PIL import Image

    pictures = (stored[start:stop].tobytes() for start, stop in pairwise(offsets.tolist()))
    return np.stack([np.asarray(Image.open(io.BytesIO(picture))) for picture in pictures])


if __name__ == "__main__":
    sys.exit(main("benchmarks.peers_images", str(__doc__), measure, sets=SETS, sides=SIDES, seconds=SECONDS))
