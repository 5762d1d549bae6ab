"""Why a family cannot be used for a task: one function a reason, which returns nothing where it can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spaces.inputs.arrays import MOST_PIXELS, flat_width
from spaces.rows.signature import Signature
from spaces.rows.target import ITSELF, followed

_A = {"text": "a text", "series": "a series", "image": "an image"}


def tables_only(signature: Signature) -> str:
    """Say that a family reads tables, and nothing beside them."""
    for one in (*signature.texts, *signature.arrays):
        return f"it reads tables only, and {one.name!r} is {_A[one.kind]}"
    return ""


def texts(signature: Signature) -> str:
    """Say that a family reads texts."""
    return "" if signature.texts else "it reads texts, and there is none: name columns, Task(..., text=['review'])"


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


def only(kind: str, signature: Signature) -> str:
    """Say that a family reads one kind of array, beside a table."""
    plural = "series" if kind == "series" else "images"
    if not signature.arrays:
        return f"it reads {plural}, and there are none: hand over an array, Task(array, target)"
    for one in (*signature.texts, *signature.arrays):
        if one.kind != kind:
            return f"it reads {plural}, and {one.name!r} is {_A[one.kind]}: functional reads both"
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


def lines_of_numbers(signature: Signature) -> str:
    """Say that trees and linear models want a line of numbers, as an image is none."""
    for one in signature.arrays:
        if one.kind == "image":
            return (
                f"it reads lines of numbers, and {one.name!r} is an image: deep_trees reads what a network makes of it"
            )
    return ""


def few_pixels(signature: Signature) -> str:
    """Say that an image has too many pixels for a linear model."""
    for one in signature.arrays:
        if one.kind == "image" and flat_width("image", one.shape) > MOST_PIXELS:
            return f"it reads pixels as columns, and {one.name!r} has more than {MOST_PIXELS:,}"
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


def no_target(loss: str, kinds: Sequence[str], signature: Signature) -> str:
    """Say that a family learns rows of some kinds without a target, with one metric."""
    metric = {"reconstruction": "reconstruction_error", "elbo": "negative_elbo", "two_sample": "two_sample"}[loss]
    if signature.target.kind != ITSELF:
        return f"it learns rows without a target: Task(data, None, metric={metric!r})"
    if signature.target.loss != loss:
        return f"it is scored with another metric: Task(data, None, metric={metric!r})"
    if len(signature.inputs) != 1 or signature.input.kind not in kinds:
        names = ", ".join(f"{one.name} ({one.kind})" for one in signature.inputs)
        return f"it reads one input, {' or '.join(kinds)}, and the task has {names}"
    if signature.input.kind == "image" and signature.input.dtype != "uint8":
        return "it reads images of whole numbers from 0 to 255 (uint8), and these hold others"
    return ""


def windows_of_two_classes(signature: Signature) -> str:
    """Say that a family tells odd windows of a series from usual ones."""
    if signature.target.kind != "binary":
        return "it tells odd rows from usual ones: a target of two classes is needed"
    if [one.kind for one in signature.inputs] != ["series"] or signature.input.shape[0] < 2:
        return "it reads windows of one series and nothing else, and the task has other inputs"
    return ""
