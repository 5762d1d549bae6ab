"""A kind of input: all that the rest of the toolkit knows of it stands in one record.

A new kind is a folder with such a record and a line in `spaces.inputs.kinds`; or the record is handed over with data,
`Task(..., columns={"sound": Audio()})`, and found again by the name of its module.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from spaces.language.space import Config, Space
from spaces.rows.arrays import Array
from spaces.rows.columns import Column
from spaces.rows.signature import Input, Signature

ReadBy = Literal["network", "trees", "linear"]
"""What reads an input: a network its array, trees and linear models one line of numbers a row."""
LEARNING_RATE = "learning_rate"


class Options(Protocol):
    """What a user says of a column or an array; a frozen dataclass with a field for each thing that may be said."""

    kind: ClassVar[str]
    """The kind's name in `KINDS`, or `"module:NAME"` of a record that is handed over."""


class Learned(Protocol):
    """What was learned of an array's training rows."""

    def read(self, rows: Array, key: str | None, /) -> Array:
        """Return rows as a model reads them: float32 or whole numbers.

        Args:
            rows: As they are stored.
            key: Names these rows, so that what is made of them may be cached; None for rows met once.
        """
        ...

    def save(self, folder: Path, name: str, /) -> dict[str, Any]:
        """Return it as JSON values; what is large is written into the folder, in files that begin with the name."""
        ...


@dataclass(frozen=True)
class Files:
    """How arrays of a kind are read from files, whose paths stand in a column.

    Attributes:
        column: Measures the files of a column, `(name, paths, options) -> Column`.
        read: Reads files as such a column says.
        kept: Does it once, and keeps the array in the user's cache.
    """

    column: Callable[[str, Sequence[Any], Any], Column]
    read: Callable[[Sequence[Any], Column], Array]
    kept: Callable[[Sequence[Any], Column], Array]


@dataclass(frozen=True)
class Arrays:
    """How a kind is handled whose every input is an array of its own, `(rows, ...)`.

    Attributes:
        accepts: Whether an array is of this kind where nobody says so.
        describe: Makes a column of an array, `(name, array, options) -> Column`; raises `TableError`.
        encode: Checks an array and returns it as a table keeps it; raises `TableError`.
        stored: What is written into npy files, by name, of an array as a table keeps it.
        load: Puts together what was stored.
        received: What a model is told of a column: shape and type of what it reads.
        width: Columns of the line that `trees` or `linear` models read; None where these cannot read it.
        fed: What a network of a config is fed: the input, unless the config has it read in another shape.
        how: How an input is read, by config and reader: all that `prepare` needs to know, in a frozen dataclass.
        prepare: Learns from training rows, `(how, array, key) -> Learned`.
        learned: Reads what `Learned.save` wrote, `(folder, settings) -> Learned`.
        files: How it is read from files; None where it cannot be.
    """

    accepts: Callable[[Array], bool]
    describe: Callable[[str, Array, Any], Column]
    encode: Callable[[Column, Array], Array]
    stored: Callable[[Array], Mapping[str, Array]]
    load: Callable[[Column, Mapping[str, Array]], Array]
    received: Callable[[Column], Input]
    width: Callable[[Input, ReadBy], int | None]
    fed: Callable[[Input, Config], Input]
    how: Callable[[Input, Config, ReadBy], Hashable]
    prepare: Callable[[Any, Array, str | None], Learned]
    learned: Callable[[Path, Mapping[str, Any]], Learned]
    files: Files | None = None


@dataclass(frozen=True)
class TrainingPace:
    """How fast networks that read a kind are trained; of several kinds, the slowest.

    Attributes:
        batch: The most rows of a batch.
        epochs: The most epochs.
        patience: Epochs without progress.
        few_rows: Whether both become more where rows are few, as an epoch is then a step or two.
    """

    batch: int = 512
    epochs: int = 40
    patience: int = 5
    few_rows: bool = True


@dataclass(frozen=True)
class InputKind:
    """A kind of input.

    Attributes:
        name: In configs and names of families: `"image"`.
        noun: `"an image"`.
        plural: `"images"`.
        options: What a user may say of it.
        ask: How a user hands one over.
        build: `"module:function"`, imported when a network is built: `(config, input, signature, *, name)` returns a
            Keras model, `input -> [vector]`, behind the vector the states that attention may ask. The branch stands in
            the config under the kind's name.
        branches: What may read it, each with its space: `(input, signature) -> Space`.
        first: The branch that `functional` takes by default.
        families: Whether each branch is a family, `{kind}_{branch}`.
        costs: Rules of thumb for branches that cost more than other networks; see `Family.cost`.
        bodies: How an autoencoder may read it, the default first; nothing where it cannot.
        pace: How its networks are trained.
        trained: How a family of one of its branches is trained otherwise, `(branch, input, signature, batch_size)`:
            settings in place of the network's, and under `LEARNING_RATE` the least, largest and default rate.
        arrays: How its arrays are handled; None for what is read from columns of a frame, tables and texts.
    """

    name: str
    noun: str
    plural: str
    options: type[Options]
    ask: str
    build: str
    branches: Mapping[str, Callable[[Input, Signature], Space]]
    first: str
    families: bool = True
    costs: Mapping[str, float] = field(default_factory=dict)
    bodies: tuple[str, ...] = ("dense",)
    pace: TrainingPace = TrainingPace()
    trained: Callable[[str, Input, Signature, Any], Space] = lambda branch, one, signature, batch_size: {}
    arrays: Arrays | None = None


def one_array(array: Array) -> dict[str, Array]:
    """Return what is stored of an array that is kept as it is."""
    return {"array": array}


def of_one_array(column: Column, parts: Mapping[str, Array]) -> Array:
    """Return the array that `one_array` stored."""
    return parts["array"]


def as_received(one: Input, config: Config) -> Input:
    """Return an input as it is, whatever the config says."""
    return one


def as_stored(column: Column) -> Input:
    """Return what a model is told of a column that it reads in the shape in which it is kept.

    What is kept in float64 is narrowed when it is near zero.
    """
    dtype = "float32" if column.dtype == "float64" else column.dtype
    return Input(column.name, column.kind, column.shape, dtype, details=column.details)
