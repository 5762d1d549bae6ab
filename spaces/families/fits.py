"""Why a family cannot be used for a task: one function a reason, which returns nothing where it can be."""

from __future__ import annotations

from collections.abc import Callable

from spaces.inputs.kind import InputKind, ReadBy
from spaces.inputs.kinds import KINDS, arrays_of, kind_named
from spaces.rows.signature import Input, Signature
from spaces.rows.target import ITSELF, followed


def tables_only(signature: Signature) -> str:
    """Say that a family reads tables, and nothing beside them."""
    for one in (*signature.texts, *signature.arrays):
        return f"it reads tables only, and {one.name!r} is {kind_named(one.kind).noun}"
    return ""


def tables_with_texts(signature: Signature) -> str:
    """Say that a family reads tables, with or without texts beside."""
    for one in signature.arrays:
        return f"it reads tables and texts, and {one.name!r} is {kind_named(one.kind).noun}"
    if signature.table is None:
        return "it reads a table, with or without texts beside, and there is none"
    return ""


def some(kind: InputKind, signature: Signature) -> str:
    """Say that a family reads inputs of a kind, whatever stands beside them."""
    if any(kind_named(one.kind).name == kind.name for one in signature.inputs):
        return ""
    return f"it reads {kind.plural}, and there are none: {kind.ask}"


def several_inputs(signature: Signature) -> str:
    """Say that a family merges inputs, and a single table needs no merging."""
    if len(signature.inputs) > 1 or signature.texts or signature.arrays:
        return ""
    return "it has a branch for each input, and there is a single table: dense reads that"


def pairs(signature: Signature) -> str:
    """Say that a family compares two inputs."""
    if signature.pair is None:
        return (
            f"it compares two inputs of one kind, and the task has {len(signature.inputs)} inputs without such a pair: "
            "name texts, Task(..., text=['a', 'b']), or hand over Task({'a': ..., 'b': ...}, ...)"
        )
    if signature.texts and signature.pair[0].kind != "text":
        return f"it compares {signature.pair[0].name!r} and {signature.pair[1].name!r}, and reads no text beside them"
    return ""


def only(kind: InputKind, signature: Signature) -> str:
    """Say that a family reads one kind of array, beside a table."""
    if not signature.arrays:
        return some(kind, signature)
    for one in (*signature.texts, *signature.arrays):
        if (other := kind_named(one.kind)).name != kind.name:
            return f"it reads {kind.plural}, and {one.name!r} is {other.noun}: functional reads both"
    return ""


def photographs(signature: Signature) -> str:
    """Say that a family reads one image, as bases were trained on: whole numbers from 0 to 255."""
    if [one.kind for one in signature.inputs] != ["image"]:
        return (
            f"it reads one image and nothing else, and the task has {', '.join(one.name for one in signature.inputs)}"
        )
    if signature.input.dtype != "uint8":
        return "its base reads whole numbers from 0 to 255, and the images hold others: hand them over as uint8"
    if signature.input.shape[-1] not in (1, 3):
        return f"its base reads grey or coloured images, and these have {signature.input.shape[-1]} channels"
    if signature.target.parts:
        return "it has one head, and the task has several targets"
    return ""


def lines_of_numbers(by: ReadBy, signature: Signature) -> str:
    """Say that trees and linear models want a line of numbers, which some kinds are not, or too long a one."""
    for one in signature.arrays:
        if arrays_of(one.kind).width(one, by) is None:
            noun = kind_named(one.kind).noun
            return (
                f"it reads lines of numbers, and {one.name!r} is {noun}, which makes no line that is short enough: "
                "deep_trees reads what a network makes of it"
            )
    return ""


def forecasts(signature: Signature) -> str:
    """Say that a family continues a series."""
    if not followed(signature.target):
        return "it forecasts a series from its past: tuner.series_task(frame, target, window=..., horizon=...)"
    return ""


def one_target(signature: Signature) -> str:
    """Say that a family has one head."""
    return "it labels steps with one target, and the task has several" if signature.target.parts else ""


def steps(signature: Signature) -> str:
    """Say that a family reads rows as steps of sequences."""
    if not signature.steps:
        return "it reads rows that are steps of sequences: Task(..., sequence='sentence'), or tuner.language_task"
    return ""


def step_labels(signature: Signature) -> str:
    """Say that a family labels the steps of sequences."""
    return one_target(signature) or steps(signature) or tables_only(signature)


def pairs_of_sequences(signature: Signature) -> str:
    """Say that a family reads one sequence and writes another."""
    if not steps(signature) and len(signature.texts) == 1 and not signature.arrays:
        return one_target(signature)
    return "it writes a sequence while it reads a text: tuner.sequence_task(sources, answers)"


def a_target(unfit: Callable[[Signature], str], signature: Signature) -> str:
    """Say that a family learns a target, before anything else."""
    if signature.target.kind == ITSELF:
        return "it learns a target, and the task has none: these learn the rows themselves"
    return unfit(signature)


def no_target(loss: str, signature: Signature, *, only: str = "") -> str:
    """Say that a family learns rows without a target, with one metric; of one kind of input, or of all that can be."""
    metric = {"reconstruction": "reconstruction_error", "elbo": "negative_elbo", "two_sample": "two_sample"}[loss]
    if signature.target.kind != ITSELF:
        return f"it learns rows without a target: Task(data, None, metric={metric!r})"
    if signature.target.loss != loss:
        return f"it is scored with another metric: Task(data, None, metric={metric!r})"
    if len(signature.inputs) != 1 or not _restorable(signature.input, only):
        names = ", ".join(f"{one.name} ({kind_named(one.kind).name})" for one in signature.inputs)
        wanted = only or " or ".join(name for name, kind in KINDS.items() if kind.bodies)
        return f"it reads one input, {wanted}, and the task has {names}"
    if signature.input.kind == "image" and signature.input.dtype != "uint8":
        return "it reads images of whole numbers from 0 to 255 (uint8), and these hold others"
    return ""


def _restorable(one: Input, only: str) -> bool:
    return one.kind == only if only else bool(kind_named(one.kind).bodies)


def windows_of_two_classes(signature: Signature) -> str:
    """Say that a family tells odd windows of a series from usual ones."""
    if signature.target.kind != "binary":
        return "it tells odd rows from usual ones: a target of two classes is needed"
    if [one.kind for one in signature.inputs] != ["series"] or signature.input.shape[0] < 2:
        return "it reads windows of one series and nothing else, and the task has other inputs"
    return ""
