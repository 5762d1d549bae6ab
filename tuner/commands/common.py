"""What commands share: options, exit codes. Data go to standard output, messages to standard error."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import click

FAILED, USAGE, NO_MODELS, INTERRUPTED = 1, 2, 3, 130

format_option = click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True, help="Output."
)


def with_exit_codes(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what went wrong into a message and an exit code."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except (ValueError, OSError) as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(NO_MODELS if type(error).__name__ == "NoModels" else USAGE)

    return wrapped


def told(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given; `none` says None."""
    return {name: None if value == "none" else value for name, value in given.items() if value is not None}
