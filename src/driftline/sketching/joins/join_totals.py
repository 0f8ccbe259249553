"""What became of labels and predictions, for telemetry."""

from __future__ import annotations

from typing import NamedTuple


class JoinTotals(NamedTuple):
    """What became of labels and predictions; for telemetry."""

    joined: int = 0
    """Labels that were the first of a prediction; the next three are labels of predictions that had one."""
    corrected: int = 0
    retracted: int = 0
    repeated: int = 0
    duplicates: int = 0
    """Predictions whose id had been seen."""
    waiting: int = 0
    """Labels that came before their prediction."""
    orphaned: int = 0
    """Those of them that waited in vain."""
    unusable: int = 0
    """Labels that are neither a class nor a number that their prediction could be compared with."""
    expired: int = 0
    """Predictions that no label can be for any more, labelled or not."""
