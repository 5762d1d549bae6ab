"""What families are told of tables."""

from __future__ import annotations

from spaces.rows.columns import Schema
from spaces.rows.signature import Input, TableColumns


def received(schema: Schema) -> list[Input]:
    """Return the tables of a schema as inputs; a single one has all columns, and no places among those of others."""
    tables = []
    for name, places in schema.tables.items():
        its = [column for column in schema.columns if column.input == name and column.tabular]
        details = TableColumns(
            tuple(column.kind for column in its),
            tuple(len(column.categories) for column in its if column.kind == "category"),
            places if len(schema.tables) > 1 else (),
        )
        tables.append(Input(name, "table", (len(its),), details=details))
    return tables
