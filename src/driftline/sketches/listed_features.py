"""Columns of features that are lists of values, taken as they are where their types are those of the profile."""

from __future__ import annotations

from functools import partial
from operator import is_not
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from driftline.events.named_values import NamedValues
    from driftline.sketches.feature_types import FeatureField

_KINDS: Final[dict[Any, frozenset[type]]] = {
    float: frozenset((float, int)),
    str: frozenset((str,)),
    int: frozenset((int,)),
    bool: frozenset((bool,)),
    NoneType: frozenset((NoneType,)),
    list[msgspec.Raw]: frozenset((list,)),
}
"""By what typed decoding takes, the types of the values that it takes unseen; of others it looks at each."""
_ORDERED: Final = frozenset((float, int, bool, NoneType))
_WHOLE: Final = 1 << 64
"""Whole numbers from here on are left to typed decoding: they may be too great for double precision."""
_VALUES: Final[Callable[[Any], tuple[Any, ...]]] = msgspec.structs.astuple
_THERE: Final = partial(is_not, None)


class _Place(NamedTuple):
    """Where a field's values stand, and what they are."""

    value: int
    kinds: frozenset[type] | None
    """None where they may be anything."""


class ListedFeatures:
    """Takes features of one type apart into the fields of a typed decoder.

    Parameters
    ----------
    fields : sequence of FeatureField
        All names that the typed decoder knows.
    type_ : type of NamedValues
        All its names have to be among them (:attr:`are_known`).
    """

    def __init__(self, fields: Sequence[FeatureField], type_: type[NamedValues]) -> None:
        numbers = {name: number for number, name in enumerate(type_.names)}
        self.are_known = numbers.keys() <= {field.name for field in fields}
        self._defaults = [field.default for field in fields]
        self._places = [
            _Place(numbers[field.name], _kinds(field.type)) if field.name in numbers else None for field in fields
        ]

    def __call__(self, features: Sequence[NamedValues]) -> tuple[list[Sequence[Any]], list[int]]:
        """Return the fields of n events by column, and in order the events that typed decoding has to look at."""
        values = [*zip(*map(_VALUES, features), strict=True)]
        odd: set[int] = set()
        columns: list[Sequence[Any]] = []
        for place, default in zip(self._places, self._defaults, strict=True):
            if place is None:
                columns.append((default,) * len(features))
                continue
            column = values[place.value]
            columns.append(column)
            if place.kinds is not None:
                kinds = set(map(type, column))
                if not kinds <= place.kinds:
                    odd.update(row for row, value in enumerate(column) if type(value) not in place.kinds)
                if int in kinds:
                    odd.update(_great(column, kinds))
        return columns, sorted(odd)


def _kinds(type_: Any) -> frozenset[type] | None:  # noqa: ANN401  # what a field is decoded as
    """Return the types of values that are decoded as they are."""
    if type_ is msgspec.Raw:
        return None
    return frozenset().union(*(_KINDS.get(each, ()) for each in get_args(type_)))


def _great(column: Sequence[Any], kinds: set[type]) -> Iterable[int]:
    """Return the rows of whole numbers of more than 64 bits, given which types a column has."""
    if kinds <= _ORDERED:
        numbers = [*filter(_THERE, column)] if NoneType in kinds else column
        if max(numbers) < _WHOLE and min(numbers) > -_WHOLE:
            return ()
    return (row for row, value in enumerate(column) if type(value) is int and not -_WHOLE < value < _WHOLE)


def replaced(column: Sequence[Any], rows: Sequence[int], values: Sequence[Any]) -> Sequence[Any]:
    """Return a column with other values in some rows."""
    changed = [*column]
    for row, value in zip(rows, values, strict=True):
        changed[row] = value
    return changed
