"""Rows of one source partition that go through the join together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.sketching.joins.waiting.record_arrays import together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.sketching.joins.waiting.digests import Digests


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

    def chosen(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> JoinRows:
        """Return some of the rows."""
        if rows.dtype == np.bool_:
            rows = np.flatnonzero(rows)
        return JoinRows(self.digests.take(rows, axis=0), self.records.take(rows))
