"""What is remembered of predictions and labels: fixed-size records, which arrays hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.sketches.scores import WEIGHT_UNIT
from driftline.sketching.joins.waiting.digests import sorting
from driftline.sketching.joins.waiting.pending import together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.sketching.joins.waiting.digests import Digests


SAID: Final = (
    ("time_ms", "<i8"),
    ("effective_ms", "<i8"),
    ("offset", "<i8"),
    ("profile", "<i4"),
    ("segments", "<u4"),
    ("predicted", "<f8"),
    ("score", "<f8"),
)
"""What a prediction's event says."""
GROUPS: Final = (("groups", "<u8"),)
GIVEN: Final = (*SAID, *GROUPS)
"""That, with the groups of its features."""
PREDICTION: Final = np.dtype([*GIVEN, ("joined_ms", "<i8"), ("actual", "<f8"), ("weight", "<i4"), ("n_labels", "<i4")])
"""A prediction, and the label that counts for it now, packed in 80 bytes. ``profile`` is an index into a table;
``segments`` has a bit for each configured slice that it belongs to; ``predicted`` and ``actual`` are class codes or
standardised values; ``groups`` are the groups of its features' values (:mod:`driftline.sketches.feature_errors`), 0
where they are not compared; ``actual`` is not-a-number while no label counts; ``joined_ms`` is the effective time of
the last join, at first the prediction's own; ``weight`` is that of the label, in units of 1 / WEIGHT_UNIT."""

GIVEN_BYTES: Final = np.dtype([*GIVEN]).itemsize
UNLABELLED: Final = np.array([(0, np.nan, WEIGHT_UNIT, 0)], dtype=PREDICTION.descr[len(GIVEN) :]).tobytes()
"""The end of a record of a prediction without a label, but for ``joined_ms``."""

NULL, NUMBER, BOOLEAN, TEXT, SHORT_TEXT = range(5)
"""Kinds of labels; a short text has at most 8 bytes of UTF-8 and no zero among them. Above the lowest byte of the kind
of another text stands how it begins."""
LABEL: Final = np.dtype(
    [
        ("time_ms", "<i8"),
        ("effective_ms", "<i8"),
        ("offset", "<i8"),
        ("value", "<u8"),
        ("weight", "<i4"),
        ("kind", "<i4"),
    ]
)
"""A label, packed in 40 bytes. ``value`` is the bits of a float64 for numbers and booleans, a short text itself, or the
xxh3 of another text."""


def predictions(n: int) -> NDArray[np.void]:
    """Return n records of predictions without a label, for the event's own fields to be filled in."""
    records = np.zeros(n, dtype=PREDICTION)
    records["actual"], records["weight"] = np.nan, WEIGHT_UNIT
    return records


class JoinRows(NamedTuple):
    """Predictions or labels of one source partition, n of them, in the order of their offsets."""

    digests: Digests
    """Of their ids, shape (n, 2)."""
    records: NDArray[np.void]
    """Of type PREDICTION or LABEL, shape (n,)."""

    @classmethod
    def together(cls, parts: Sequence[JoinRows]) -> JoinRows:
        """Return the rows of one or several, one behind the other."""
        if len(parts) == 1:
            return parts[0]
        return cls(np.concatenate([part.digests for part in parts]), together([part.records for part in parts]))

    def by_digest(self) -> JoinRows:
        """Return the rows in the order of their digests, those of one id in theirs: they are looked up faster so."""
        return self.chosen(sorting(self.digests))

    def chosen(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> JoinRows:
        """Return some of the rows."""
        if rows.dtype == np.bool_:
            rows = np.flatnonzero(rows)
        return JoinRows(self.digests.take(rows, axis=0), self.records.take(rows))
