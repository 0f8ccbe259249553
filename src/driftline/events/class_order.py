"""In which order classes stand where nothing is configured of them: of two, the later one is the positive class."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_TRUTH: Final = {"false": "0", "true": "1"}


def classes_in_order(names: Iterable[str]) -> list[str]:
    """Return classes in their order: numbers by value, then texts.

    Where all others are numbers, a truth value is one too, so that what is true comes after what is false.

    Examples
    --------
    >>> classes_in_order(["b", "10", "a", "-1"]), classes_in_order(["false", "1"]), classes_in_order(["true", "no"])
    (['-1', '10', 'a', 'b'], ['false', '1'], ['no', 'true'])
    """
    numbers = {name: _number_in(_TRUTH.get(name.lower(), name)) for name in names}
    if not all(map(math.isfinite, numbers.values())):
        numbers = {name: _number_in(name) for name in numbers}
    return sorted(numbers, key=lambda name: (not math.isfinite(numbers[name]), numbers[name], name))


def _number_in(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return math.inf
    return number if math.isfinite(number) else math.inf
