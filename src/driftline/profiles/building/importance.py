"""How much each feature matters to the model: what findings and alerts are ranked by, beside the size of the effect."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import structs

from driftline.config.model import ColumnSettings, ModelSettings
from driftline.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def checked(importances: Mapping[str, object], at: str) -> dict[str, float]:
    """Return importances as numbers at or above zero.

    Raises
    ------
    ProfileError
        When one is none; says which.

    Examples
    --------
    >>> checked({"age": 3, "income": 0.5}, "x.json")
    {'age': 3.0, 'income': 0.5}
    """
    numbers = {}
    for name, value in importances.items():
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
        if not 0 <= number < math.inf:
            message = f"Expected an importance at or above zero, got {value!r} - at `{name}` in `{at}`"
            raise ProfileError(message)
        numbers[name] = number
    return numbers


def with_importances(settings: ModelSettings, importances: Mapping[str, float]) -> ModelSettings:
    """Return settings with the importances of columns; those that are configured already stand.

    Examples
    --------
    >>> chosen = with_importances(ModelSettings(columns={"age": ColumnSettings(importance=2.0)}), {"age": 9, "fee": 3})
    >>> {name: column.importance for name, column in chosen.columns.items()}
    {'age': 2.0, 'fee': 3}
    """
    columns = dict(settings.columns)
    for name, importance in importances.items():
        column = columns.get(name, ColumnSettings())
        if column.importance is None:
            columns[name] = structs.replace(column, importance=importance)
    return settings.replace(columns=columns)


def unknown(importances: Collection[str], columns: Collection[str]) -> str | None:
    """Return a remark on importances of columns that are not there, or None."""
    absent = [name for name in importances if name not in columns]
    if not absent:
        return None
    listed = ", ".join(f"`{name}`" for name in absent[:10]) + (f" and {len(absent) - 10} more" if absent[10:] else "")
    return f"there is no column {listed}, to which an importance is given"
