"""Errors of table libraries as messages: whatever one raises while it reads, the reader learns what could not be read.

Each library has exceptions of its own, some of which derive from Python's and some from none of them, and the library
of a frame is whichever the caller has. Around their calls, and only there, all exceptions are therefore taken for
theirs.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from driftline.errors import DriftlineError, ProfileError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN: Final = 200
"""Characters of a library's own words that a message shows."""


@contextmanager
def reading_column(name: str, at: str) -> Iterator[None]:
    """Turn what a table library raises while it reads a column into an error that names the column.

    Raises
    ------
    ProfileError
        When the library raises anything.

    Examples
    --------
    >>> with reading_column("age", "train.parquet"):
    ...     int("x")
    Traceback (most recent call last):
    driftline.errors.ProfileError: train.parquet: column `age` cannot be read (invalid literal for int() with base 10: 'x'): convert it, or leave it out with `--drop age`
    """  # noqa: E501  # a doctest cannot be broken
    try:
        yield
    except DriftlineError:
        raise
    except Exception as error:
        message = (
            f"{at}: column `{name}` cannot be read ({_words(error)}): convert it, or leave it out with `--drop {name}`"
        )
        raise ProfileError(message) from error


@contextmanager
def reading_frame(at: str) -> Iterator[None]:
    """Turn what a table library raises while it computes a frame into an error that names the frame.

    Raises
    ------
    ProfileError
        When the library raises anything.
    """
    try:
        yield
    except DriftlineError:
        raise
    except Exception as error:
        message = f"{at}: the rows cannot be read ({_words(error)})"
        raise ProfileError(message) from error


def _words(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
