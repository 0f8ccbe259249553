"""What became of labels and predictions, for telemetry."""

from __future__ import annotations

from typing import NamedTuple


class JoinTotals(NamedTuple):
    """What became of labels and predictions; for telemetry.

    Attributes
    ----------
    joined, corrected, retracted, repeated : int
        Labels that were the first of a prediction, that changed one, took one back, or changed nothing.
    duplicates : int
        Predictions whose id had been seen.
    waiting, orphaned : int
        Labels that came before their prediction, and those of them that waited in vain.
    unusable : int
        Labels that are neither a class nor a number that their prediction could be compared with.
    expired : int
        Predictions that no label can be for any more, labelled or not.
    """

    joined: int = 0
    corrected: int = 0
    retracted: int = 0
    repeated: int = 0
    duplicates: int = 0
    waiting: int = 0
    orphaned: int = 0
    unusable: int = 0
    expired: int = 0
