"""The branch of networks that reads a table."""

from __future__ import annotations

import keras

from spaces.language.space import Config
from spaces.layers.blocks import hidden_part
from spaces.rows.signature import Input, Signature


def table_encoder(config: Config, table: Input, signature: Signature, *, name: str) -> keras.Model:
    """Build the branch that reads a table, `(columns,) -> [vector]`: dense layers."""
    matrix = keras.Input(table.shape, dtype=table.dtype)
    return keras.Model(matrix, [hidden_part(matrix, config["table"]["depth"])], name=name)
