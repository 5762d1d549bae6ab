"""What commands share: options, exit codes. Data go to standard output, messages to standard error."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

FAILED, USAGE, NO_MODELS, INTERRUPTED = 1, 2, 3, 130

folder_argument = click.argument("folder", type=click.Path(path_type=Path))
open_option = click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
format_option = click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True, help="Output."
)


def own_code(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that loads models `--engine` and `--kind`, and import what they name, from this folder too."""

    @click.option("--engine", "engines", multiple=True, metavar="MODULE:NAME", help="An engine of your own, to import.")
    @click.option("--kind", "kinds", multiple=True, metavar="MODULE:NAME", help="A kind of input of your own.")
    @functools.wraps(command)
    def wrapped(*args: Any, engines: tuple[str, ...], kinds: tuple[str, ...], **kwargs: Any) -> None:
        if engines or kinds:
            from spaces.engines.engine import hand_over
            from spaces.inputs.kinds import hand_over as hand_over_kinds
            from tuner.studyfile import importable

            with importable(Path.cwd()):
                hand_over(engines)
                hand_over_kinds(kinds)
        command(*args, **kwargs)

    return wrapped


def say(message: str) -> None:
    """Print a message to standard error; where nobody can read it, go on."""
    try:
        click.echo(message, err=True)
    except OSError:
        pass


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning without the line of ours that gave it."""
    say(f"Warning: {message}")


def with_exit_codes(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what went wrong into a message and an exit code."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _say_warning
                command(*args, **kwargs)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except (ValueError, OSError) as error:
            say(f"Error: {error}")
            sys.exit(NO_MODELS if type(error).__name__ == "NoModels" else USAGE)

    return wrapped


def told(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given; `none` says None."""
    return {name: None if value == "none" else value for name, value in given.items() if value is not None}
