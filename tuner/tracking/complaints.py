"""What is said where MLflow cannot be used: one sentence, without passwords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

_LONGEST = 300  # letters of what MLflow says
_STRANGERS = ("UNAUTHENTICATED", "PERMISSION_DENIED")
_USER = re.compile(r"(://[^:/?#@\s]*):(?!\d+/)[^@\s]*(?:@[^@/?#\s]*)*@")  # a database's password may hold any letter
_QUERY = re.compile(r"([?&][^=&\s]*(?:password|passwd|pwd|token|secret)=)[^&#\s]*", re.IGNORECASE)


class Unusable(ValueError):
    """MLflow cannot be used as it is; the message says why."""


def without_password(said: str) -> str:
    """Return an address, or a text with addresses, as it may be shown.

    >>> without_password("postgresql://ann:secret@db.example/mlflow")
    'postgresql://ann:***@db.example/mlflow'
    >>> without_password("postgresql://db.example/mlflow?user=ann&password=secret")
    'postgresql://db.example/mlflow?user=ann&password=***'
    """
    return _QUERY.sub(r"\1***", _USER.sub(r"\1:***@", said))


@contextmanager
def said_plainly(uri: str, *, also: str = "") -> Iterator[None]:
    """Turn what MLflow and the libraries below it raise into one sentence.

    Args:
        uri: Where MLflow is.
        also: What follows from it, for the end of the sentence.

    Raises:
        Unusable: MLflow does not answer, or refuses what it is asked.
    """
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, RequestException, SQLAlchemyError, ImportError) as error:
        raise Unusable("; ".join(filter(None, [complaint(uri, error), also]))) from None


def complaint(uri: str, error: BaseException) -> str:
    """Return what is wrong with MLflow: it does not answer, it does not know who asks, or it refuses.

    Args:
        uri: Where MLflow is.
        error: What it raised.
    """
    if isinstance(error, Unusable):
        return str(error)
    place, chain = f"MLflow at {without_password(uri)}", list(_chain(error))
    if getattr(error, "error_code", "") in _STRANGERS:
        return (
            f"{place} answers, and refuses who asks ({_first_line(error)}): check the user and the password, in the "
            "address or in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    lost = [one for one in chain if isinstance(one, OSError) or hasattr(one, "orig")]
    if lost:
        return f"{place} does not answer ({_first_line(lost[-1])})"
    word = "refuses" if getattr(error, "error_code", "") == "INVALID_PARAMETER_VALUE" else "cannot be used"
    return f"{place} {word}: {_first_line(error)}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: BaseException) -> str:
    said = str(getattr(error, "strerror", None) or getattr(error, "orig", None) or error).strip()
    line = without_password(said.partition("\n")[0])
    return (line if len(line) <= _LONGEST else f"{line[:_LONGEST]}...") or type(error).__name__
