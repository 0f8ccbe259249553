"""Detectors that begin anew after each alarm, given a function that finds the first alarm of many values at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


def alarms_of(values: NDArray[np.generic], first_alarm: Callable[[NDArray[np.generic]], int | None]) -> list[int]:
    """Return the positions of all alarms, ascending.

    Parameters
    ----------
    values : ndarray, shape (n,)
    first_alarm : callable of ndarray to int or None
        The position of the first alarm of a detector that is new at the first of these values.

    Examples
    --------
    >>> import numpy as np
    >>> alarms_of(np.array([1, 9, 9, 1, 9]), lambda part: int(part.argmax()) if 9 in part else None)
    [1, 2, 4]
    """
    alarms: list[int] = []
    begin = 0
    while begin < values.size:
        alarm = first_alarm(values[begin:])
        if alarm is None:
            break
        alarms.append(begin + alarm)
        begin += alarm + 1
    return alarms
