"""What Keras and TensorFlow keep for the whole process: kept while somebody else's code runs, and restored."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from keras.src.backend.common import global_state  # Keras 3.15 has no public way to read its seed
from tensorflow.python.eager import context  # nor has TensorFlow 2.21

_SEED, _GENERATOR = "global_random_seed", "global_seed_generator"
# Whether files may hold code, whether tracebacks are short, whether progress is drawn, how attention is computed.
_SWITCHES = ("safe_mode_saving", "traceback_filtering", "interactive_logging", "flash_attention")


@contextmanager
def restored_keras() -> Iterator[None]:
    """Restore precision policy, float type, epsilon, data format, eager functions, switches and seeds at the end."""
    config = keras.config
    policy, floatx, epsilon = config.dtype_policy(), config.floatx(), config.epsilon()
    data_format, eager = config.image_data_format(), tf.config.functions_run_eagerly()
    switches, seeds = {name: global_state.get_global_attribute(name) for name in _SWITCHES}, _seeds()
    try:
        yield
    finally:
        config.set_floatx(floatx)
        config.set_epsilon(epsilon)
        config.set_image_data_format(data_format)
        config.set_dtype_policy(policy)
        tf.config.run_functions_eagerly(eager)
        for name, value in switches.items():
            global_state.set_global_attribute(name, value)
        _set_seeds(*seeds)


def _seeds() -> tuple[Any, ...]:
    """Return Keras's seed, its generator with the generator's state, and TensorFlow's seed and generator."""
    generator = global_state.get_global_attribute(_GENERATOR)
    state = None if generator is None else generator.state.numpy()
    eager = context.context()
    return (
        global_state.get_global_attribute(_SEED),
        generator,
        state,
        eager._seed,
        copy.deepcopy(getattr(eager, "_rng", None)),
    )


def _set_seeds(seed: int | None, generator: Any, state: Any, eager_seed: int | None, eager_rng: Any, /) -> None:
    global_state.set_global_attribute(_SEED, seed)
    global_state.set_global_attribute(_GENERATOR, generator)
    if generator is not None:
        generator.state.assign(state)
    eager = context.context()
    eager._seed = eager_seed
    if eager_rng is not None:  # it is made with the first seed
        eager._rng = eager_rng
    eager.clear_kernel_cache()  # as tf.random.set_seed does: kernels count what they drew under a seed
