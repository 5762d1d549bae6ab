"""Layers that turn each column of a table into several: numbers into waves, categories into vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

_FAR, _LEAST = 1e6, 1e-12  # deviations: where pieces are that no number reaches, and how short one may be


@keras.saving.register_keras_serializable("spaces")
class Periodic(keras.layers.Layer):
    """Reads each number as waves of learned frequencies, which a dense layer of its own mixes; the number stays beside.

    PBLD of Holzmüller, Grinsztajn and Steinwart, "Better by Default", NeurIPS 2024, after Gorishniy, Rubachev and
    Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022.

    Args:
        frequencies: How many waves.
        units: How many columns they are mixed to: `(rows, numbers)` become `(rows, numbers x (1 + units))`.
        sigma: Deviation of the frequencies at first.
        rate: How fast its weights learn, relative to the optimizer's rate (see `spaces.layers.rated`).
        settings: Those of every layer.
    """

    def __init__(
        self, frequencies: int = 16, *, units: int = 3, sigma: float = 0.1, rate: float = 0.1, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.frequencies, self.units, self.sigma, self.rate = frequencies, units, sigma, rate

    def build(self, input_shape: Any) -> None:
        """Draw frequencies, phases and mixtures."""
        numbers, waves, rate = input_shape[-1], self.frequencies, self.rate

        def drawn(name: str, shape: tuple[int, ...], bound: float) -> Any:
            uniform = keras.initializers.RandomUniform(-bound / rate, bound / rate)
            return self.add_weight(shape=shape, initializer=uniform, name=name)

        normal = keras.initializers.RandomNormal(stddev=self.sigma / rate)
        self.speeds = self.add_weight(shape=(numbers, waves), initializer=normal, name="speeds")
        self.phases = drawn("phases", (numbers, waves), math.pi)
        self.mixture = drawn("mixture", (numbers, waves, self.units), waves**-0.5)
        self.levels = drawn("levels", (numbers, self.units), waves**-0.5)

    def call(self, inputs: Any) -> Any:
        """Return all columns, those of a number side by side."""
        numbers = ops.expand_dims(inputs, -1)
        waves = ops.cos(self.rate * (2 * math.pi * numbers * self.speeds + self.phases))
        mixed = self.rate * (ops.einsum("rnw,nwu->rnu", waves, self.mixture) + self.levels)
        both = ops.concatenate([mixed, numbers], axis=-1)
        return ops.reshape(both, (-1, inputs.shape[-1] * (1 + self.units)))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` reads."""
        own = {"frequencies": self.frequencies, "units": self.units, "sigma": self.sigma, "rate": self.rate}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("spaces")
class Pieces(keras.layers.Layer):
    """Reads each number by how far it is through each of some pieces of its range, which become a vector of its own.

    Piecewise linear encoding with a linear layer for each column, as in TabM of Gorishniy, Kotelnikov and Babenko, ICLR
    2025: at first only the number itself counts.

    Args:
        pieces: How many.
        units: Length of the vectors.
        numbers: How many columns, from the first, are numbers; the others stay as they are, behind the vectors.
        settings: Those of every layer.
    """

    def __init__(self, pieces: int, units: int, *, numbers: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.pieces, self.units, self.numbers = pieces, units, numbers

    def build(self, input_shape: Any) -> None:
        """Draw the vectors; the ends of the pieces are given later, by `begin`."""
        numbers, uniform = self.numbers, keras.initializers.RandomUniform(-1.0, 1.0)
        ends = self.pieces + 1
        self.ends = self.add_weight(shape=(numbers, ends), initializer="zeros", trainable=False, name="ends")
        self.kernels = self.add_weight(shape=(numbers, self.pieces, self.units), initializer="zeros", name="kernels")
        self.slopes = self.add_weight(shape=(numbers, self.units), initializer=uniform, name="slopes")
        self.levels = self.add_weight(shape=(numbers, self.units), initializer=uniform, name="levels")

    def begin(self, numbers: NDArray[Any]) -> None:
        """Take the ends of the pieces from training rows, `(rows, numbers)`: quantiles of the distinct values.

        Where these are few, so are the pieces; the others lie far above all numbers.
        """
        ends = np.tile(_FAR * np.arange(1, self.pieces + 2), (numbers.shape[1], 1))
        for column, of in zip(numbers.T, ends, strict=True):
            distinct = np.unique(column)
            pieces = min(self.pieces, len(distinct) - 1)
            of[: pieces + 1] = np.quantile(distinct, np.linspace(0, 1, pieces + 1))
        self.ends.assign(ends)

    def call(self, inputs: Any) -> Any:
        """Return the vectors side by side, and the other columns: `(rows, numbers x units + others)`."""
        numbers = ops.expand_dims(inputs[:, : self.numbers], -1)
        low, high = self.ends[:, :-1], self.ends[:, 1:]
        through = ops.clip((numbers - low) / ops.maximum(high - low, _LEAST), 0.0, 1.0)
        vectors = numbers * self.slopes + self.levels + ops.einsum("rnp,npu->rnu", through, self.kernels)
        return ops.concatenate(
            [ops.reshape(vectors, (-1, self.numbers * self.units)), inputs[:, self.numbers :]], axis=1
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` reads."""
        return {**super().get_config(), "pieces": self.pieces, "units": self.units, "numbers": self.numbers}


@keras.saving.register_keras_serializable("spaces")
class CategoryVectors(keras.layers.Layer):
    """Reads columns of codes as learned vectors, side by side; a code below zero, which no row had, as zeros.

    Args:
        sizes: How many codes each column has at most.
        units: Length of the vectors.
        settings: Those of every layer.
    """

    def __init__(self, sizes: Sequence[int], units: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.sizes, self.units = list(sizes), units

    def build(self, input_shape: Any) -> None:
        """Draw the vectors."""
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.vectors = self.add_weight(shape=(sum(self.sizes), self.units), initializer=normal, name="vectors")
        self._begins = np.cumsum([0, *self.sizes[:-1]]).astype("int32")

    def call(self, inputs: Any) -> Any:
        """Return the vectors, `(rows, columns x units)`."""
        codes = ops.cast(inputs, "int32")
        vectors = ops.take(self.vectors, ops.maximum(codes, 0) + self._begins, axis=0)
        known = ops.cast(ops.expand_dims(codes >= 0, -1), vectors.dtype)
        return ops.reshape(vectors * known, (-1, len(self.sizes) * self.units))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` reads."""
        return {**super().get_config(), "sizes": self.sizes, "units": self.units}
