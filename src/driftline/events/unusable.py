"""What stands where a prediction or a score cannot be used: the event stays, and the column counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Unusable(NamedTuple):
    """A value that is no class, no number or no probability."""

    value: int | float | tuple[()] = ()
    """A number out of range as it came; otherwise an empty tuple, which is of a wrong type in every column."""


WRONG_TYPE: Final = Unusable()


def without_unusable(values: Sequence[Any]) -> Sequence[Any]:
    """Return values with None for those that cannot be used.

    Examples
    --------
    >>> without_unusable([0.5, Unusable(1.7)])
    [0.5, None]
    """
    if Unusable not in set(map(type, values)):
        return values
    return [None if type(value) is Unusable else value for value in values]


def as_counted(values: Sequence[Any]) -> Sequence[Any]:
    """Return values with those that cannot be used as they came, for the quality of a column.

    Examples
    --------
    >>> as_counted([0.5, Unusable(1.7)])
    [0.5, 1.7]
    """
    return [value.value if type(value) is Unusable else value for value in values]
