"""A user's own class of models, trained by a loop of the user's: linear and softmax regression in numpy."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

import spaces


class Line:
    def __init__(self, weights):
        self.weights = weights

    def predict(self, x):
        said = np.hstack([x, np.ones((len(x), 1))]) @ self.weights
        return said if said.shape[1] == 1 else softmax(said, axis=1)

    def save(self, folder):
        np.save(folder / "weights.npy", self.weights)

    @classmethod
    def load(cls, folder):
        return cls(np.load(folder / "weights.npy"))


def build(config, signature):
    return Line(0.01 * np.random.normal(size=(signature.input.shape[0] + 1, signature.target.outputs)))  # noqa: NPY002


def fit(line, training, config):
    wanted = training.y if training.y.ndim > 1 else np.eye(line.weights.shape[1])[training.y]
    x = np.hstack([training.x, np.ones((len(training.x), 1))])
    for epoch in range(training.epochs):
        error = line.predict(training.x) - wanted
        line.weights = line.weights - 0.3 * x.T @ error / len(x)
        inner = line.predict(training.inner_x) - (
            training.inner_y if training.y.ndim > 1 else np.eye(line.weights.shape[1])[training.inner_y]
        )
        if not training.report(epoch, {"loss": np.mean(error**2), "val_loss": np.mean(inner**2)}):
            break


ENGINE = spaces.own_engine("toys.lines:ENGINE", Line)
FAMILY = spaces.family(build, {"epochs": 60}, name="line", engine=ENGINE, fit=fit)
