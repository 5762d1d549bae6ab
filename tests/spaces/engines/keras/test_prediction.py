"""Predicting in chunks: few are called as they are, many in one trace, and both say the same."""

import keras
import numpy as np

from spaces.engines.keras.prediction import predict


def test_many_chunks_in_a_trace_say_what_few_do():
    calls = []

    class Counted(keras.layers.Layer):
        def call(self, x):
            calls.append(1)  # once a chunk, or once a trace
            return x

    image, vector = keras.Input((64, 64, 1)), keras.Input((3,))
    flat = keras.layers.GlobalAveragePooling2D()(Counted()(image))
    outputs = keras.layers.Dense(2)(keras.layers.Concatenate()([flat, vector]))
    model = keras.Model((image, vector), outputs)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(700, 64, 64, 1)).astype(np.float32), rng.normal(size=(700, 3)).astype(np.float32)
    calls.clear()
    many = predict(model, x)
    assert len(calls) == 1
    few = np.concatenate([predict(model, tuple(part[i : i + 64] for part in x)) for i in range(0, 700, 64)])
    assert len(calls) > 12
    np.testing.assert_allclose(many, few, rtol=1e-5, atol=1e-6)
