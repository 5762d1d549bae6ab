"""The branch of networks that reads a table."""

from __future__ import annotations

import keras

from spaces.language.space import Config
from spaces.layers.blocks import hidden
from spaces.rows.signature import Input, Signature


def table_encoder(config: Config, table: Input, signature: Signature, *, name: str) -> keras.Model:
    """Build the branch that reads a table, `(columns,) -> [vector]`: layers as those behind the branches."""
    matrix = keras.Input(table.shape, dtype=table.dtype)
    return keras.Model(matrix, [hidden(matrix, {**config, **config["table"]})], name=name)
