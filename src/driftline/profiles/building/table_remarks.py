"""What columns of reference rows look like, beside what they are taken for: counters, codes and identifiers.

A number that grows with every row is beyond the reference's range from production's first event on, and a whole number
that names something has no order in which a shift could be seen. Both are found here, where single rows are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.events.features import is_within
from driftline.profiles.building.coded_values import CodedValues, NumberValues
from driftline.profiles.building.date_build import hold_dates
from driftline.profiles.building.embedding_build import part_names
from driftline.profiles.building.index_columns import counts_rows, whole_numbers
from driftline.profiles.remark import Contradiction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.model import ModelSettings
    from driftline.profiles.building.coded_values import Values
    from driftline.profiles.building.table import ReferenceTable

FEWEST_ROWS: Final = 20
"""Rows from which numbers that grow with each one are no accident."""
FEWEST_TEXTS: Final = 100
"""Rows from which texts that are all different are no accident."""
FEWEST_CODES: Final = 102
"""Fewer may be ages or percentages, from 0 to 100, that happen to have no mode; each of so few has a bin of its own."""
MAX_CODES: Final = 1_000
"""Codes of more different values are not recognised: as categories, most would not be listed."""
REPEATS: Final = 10
"""Mean number of rows of a code, at least."""
_DENSE: Final = 0.3
"""Share of the numbers from the first to the last that codes use, at least."""
_DEVIATIONS: Final = 3.0
"""Standard deviations above zero up to which counts of neighbouring numbers are taken as unrelated."""


def table_remarks(table: ReferenceTable, settings: ModelSettings) -> Iterator[str]:
    """Yield a remark for each feature that looks like something else, if its kind is not configured.

    Parameters
    ----------
    table : ReferenceTable
    settings : ModelSettings
        A column whose ``kind`` is named is believed, and one in an object that is ignored is not looked at.
    """
    ignored = {name for name, column in settings.columns.items() if column.kind == "ignore"}
    for name in table.vectors:
        taken = [part for part in part_names(name) if part in table.features]
        if taken and not is_within(name, ignored):
            yield Contradiction(
                f"column `{name}` is an embedding, but `{taken[0]}`, as one of its columns would be called, is a "
                f"feature too: `{name}` is left out; rename one of both"
            )
    for name, values in table.features.items():
        column = settings.columns.get(name)
        if (column is not None and column.kind is not None) or is_within(name, ignored):
            continue
        if counts_rows(values, FEWEST_ROWS):
            yield Contradiction(
                f"column `{name}` grows with every row or numbers the rows: in production it leaves the reference's "
                f"range by itself; leave it out with `--drop {name}`, or configure its `kind` if it is a feature"
            )
        elif not isinstance(values, np.ndarray) and hold_dates(values):
            said = _dates_as_text(name)
            yield Contradiction(said) if _all_different_texts(values) else said
        elif _all_different_texts(values):
            yield Contradiction(
                f"column `{name}` holds another text in every row, as an identifier does: leave it out with "
                f"`--drop {name}`, or configure its `kind` if it is a feature"
            )
        elif (n := n_codes(values)) is not None:
            yield Contradiction(
                f"column `{name}` holds {n} whole numbers without an order, as codes are: moves from one to another "
                "inside its range are hardly seen; configure `kind: categorical`, or `kind: numeric` if they are "
                "quantities"
            )


def _dates_as_text(name: str) -> str:
    return (
        f"column `{name}` holds dates as text, and is watched as categories, of which new ones come by themselves: "
        f"leave it out with `--drop {name}`, or configure `kind: age` for the days before the event, `kind: hour` or "
        "`kind: weekday`"
    )


def n_codes(values: Values) -> int | None:
    """Return how many codes a column holds, or None where it does not look like one of codes.

    Codes are whole numbers from 0 or 1 on that do not leave most out, hundreds of them, each in many rows. What tells
    them from quantities, such as a count of visits: how often one occurs says nothing about how often the next one
    does, so that the lag-one autocorrelation of their frequencies is near zero.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> n_codes(rng.integers(1, 301, 5_000).astype(float)), n_codes(rng.poisson(40.0, 5_000).astype(float))
    (300, None)
    """
    whole = whole_numbers(values)
    numbers = np.empty(0) if whole is None else whole[~np.isnan(whole)]
    if numbers.size == 0:
        return None
    distinct, counts = np.unique(numbers, return_counts=True)
    n, span = distinct.size, float(distinct[-1] - distinct[0]) + 1
    few_left_out = distinct[0] in {0.0, 1.0} and n >= _DENSE * span
    if not FEWEST_CODES <= n <= MAX_CODES or numbers.size < REPEATS * n or not few_left_out:
        return None
    apart = counts - counts.mean()
    squares = float((apart * apart).sum())
    related = float((apart[:-1] * apart[1:]).sum()) / squares if squares else 0.0
    return n if related < _DEVIATIONS / np.sqrt(n) else None


def _all_different_texts(values: Values) -> bool:
    if isinstance(values, np.ndarray | NumberValues) or len(values) < FEWEST_TEXTS or not isinstance(values[0], str):
        return False
    if isinstance(values, CodedValues):
        counts = values.counts()
        return len(counts) == len(values) and all(isinstance(value, str) for value, _ in counts)
    return len(set(map(str, values))) == len(values) and all(isinstance(value, str) for value in values)
