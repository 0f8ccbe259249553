"""Merging of rare bins before a test, by a fixed rule.

The rule uses the *pooled* counts only, never the difference between the two sides, so merging cannot favour an outcome.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Counts: TypeAlias = npt.NDArray[np.int64]


def merge_ordered(expected: npt.NDArray[np.float64], least: float) -> tuple[int, ...]:
    """Map ordered bins to groups of neighbours that each expect at least `least` events.

    The upper tail is merged inwards until it suffices; then groups are filled from the lower end; an incomplete group
    below the upper tail joins it.

    Parameters
    ----------
    expected : NDArray[float64], shape (B,), unit events, each at least 0
        Expected count of each bin in the smaller of the two samples, in the order of the values.
    least : float, greater than 0

    Returns
    -------
    tuple of int, length B
        Group of each bin, numbered from 0 upwards; all 0 where no two groups suffice.

    Examples
    --------
    >>> import numpy as np
    >>> merge_ordered(np.array([1.0, 2, 3, 9, 1, 6, 2, 1]), 5)
    (0, 0, 0, 1, 2, 2, 2, 2)
    """
    tail = expected.size
    events = 0.0
    while tail > 0 and events < least:
        tail -= 1
        events += float(expected[tail])
    groups = [0] * expected.size
    group, events, start = 0, 0.0, 0
    for i in range(tail):
        groups[i] = group
        events += float(expected[i])
        if events >= least:
            group, events, start = group + 1, 0.0, i + 1
    for i in range(start, expected.size):
        groups[i] = group
    return tuple(groups)


def merge_unordered(expected: npt.NDArray[np.float64], least: float) -> tuple[int, ...]:
    """Map unordered bins to groups that each expect at least `least` events: all rare bins form one group.

    Where the rare bins together do not suffice, the least frequent of the other bins joins them (of ties the first).

    Parameters
    ----------
    expected : NDArray[float64], shape (B,), unit events, each at least 0
        Expected count of each bin in the smaller of the two samples.
    least : float, greater than 0

    Returns
    -------
    tuple of int, length B
        Group of each bin, numbered from 0 upwards in the order of the bins, the rest last.

    Examples
    --------
    >>> import numpy as np
    >>> merge_unordered(np.array([1.0, 20, 3, 9, 4]), 5)
    (2, 0, 2, 1, 2)
    >>> merge_unordered(np.array([1.0, 20, 3, 9]), 5)
    (1, 0, 1, 1)
    """
    frequent = [i for i in range(expected.size) if expected[i] >= least]
    rest = float(expected[expected < least].sum())
    if rest < least and len(frequent) < expected.size and frequent:
        frequent.remove(min(frequent, key=lambda i: (float(expected[i]), i)))
    numbers = {bin_: group for group, bin_ in enumerate(frequent)}
    return tuple(numbers.get(i, len(frequent)) for i in range(expected.size))


def all_but_the_most_frequent(pooled: Counts) -> tuple[int, ...]:
    """Map the most frequent bin (of ties the first) to one group, and all others to a second.

    Parameters
    ----------
    pooled : NDArray[int64], shape (B,), unit events
        Counts of both samples together, at least one event.

    Returns
    -------
    tuple of int, length B
        0 for the most frequent bin and 1 for the others; all 0 where no other holds anything.

    Examples
    --------
    >>> import numpy as np
    >>> all_but_the_most_frequent(np.array([2, 90, 0, 3])), all_but_the_most_frequent(np.array([0, 90, 0]))
    ((1, 0, 1, 1), (0, 0, 0))
    """
    most = int(pooled.argmax())
    alone = int(pooled[most]) == int(pooled.sum())
    return tuple(0 if alone or i == most else 1 for i in range(pooled.size))


def merged(counts: Counts, groups: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Return the counts of the groups: shape (number of groups,)."""
    result = np.zeros(max(groups) + 1, dtype=np.float64)
    np.add.at(result, list(groups), counts)
    return result
