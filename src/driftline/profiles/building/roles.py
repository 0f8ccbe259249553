"""Which columns of reference rows are prediction, score, label and time, and which are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.errors import ProfileError
from driftline.events.times import MILLISECONDS, TimeForm
from driftline.profiles.building.times import or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

NO_FEATURES: Final = frozenset({"prediction_id", "model", "model_version", "ts", "segments", "latency_ms", "error"})
"""Columns that say which event a row is, and nothing about it."""
_DEFAULT_NAMES: Final = ("prediction", "score", "label")

_SHOWN: Final = 200
"""Characters of a list of columns in a remark: what fits on a few lines."""


class Roles(NamedTuple):
    """Which columns are not features."""

    prediction: str | None = None
    score: str | None = None
    label: str | None = None
    """Names of the columns of prediction, score and label; None takes the one that is called so, if there is one."""
    drop: tuple[str, ...] = ()
    """Columns to leave out."""
    no_features: frozenset[str] = NO_FEATURES
    """Columns to leave out where they are there."""
    usual: tuple[str, str, str] = _DEFAULT_NAMES
    """Names of prediction, score and label that are tried where no column is named, before ``prediction``, ``score``
    and ``label``: as the mapping of events has them."""
    mapped: frozenset[str] = frozenset()
    """Those of ``no_features`` that hold the prediction or the score of events, rather than say which event it is."""
    time: str | None = None
    """Name of the column of event times; None takes ``usual_time`` where it is there and holds times."""
    usual_time: str = "ts"
    """As the mapping of events has it."""
    time_form: TimeForm = MILLISECONDS
    """How times are written."""

    def assigned(self, columns: Sequence[str], at: str) -> tuple[str | None, str | None, str | None]:
        """Return the columns of prediction, score and label.

        Raises
        ------
        ProfileError
            When a column that was named is not there.
        """
        given = (self.prediction, self.score, self.label)
        for name in (*given, self.time, *self.drop):
            if name is not None and name not in columns:
                message = f"{at}: there is no column `{name}`, only {_listed(columns)}"
                raise ProfileError(message)
        free = set(columns) - {*given, self.time, *self.drop}
        names = list(given)
        for usual in (self.usual, _DEFAULT_NAMES):  # what the mapping says goes first, for every role
            for role, name in enumerate(usual):
                if names[role] is None and name in free:
                    names[role] = name
                    free.remove(name)
        return names[0], names[1], names[2]

    @property
    def score_names(self) -> tuple[str, str]:
        """What a score is called where no column is named."""
        return self.usual[1], _DEFAULT_NAMES[1]

    def time_column(self, columns: Sequence[str]) -> str | None:
        """Return the column of event times, or None where there is none."""
        if self.time is not None:
            return self.time
        return self.usual_time if self.usual_time in columns and self.usual_time not in self.drop else None

    def reason(self, column: str) -> str:
        """Return the remark on a column of ``no_features`` that was left out."""
        if column in self.mapped:
            return (
                f"column `{column}` holds the prediction or score of events, as the configuration maps their fields, "
                "and no feature: it is left out"
            )
        return f"column `{column}` identifies events: it is left out"


def event_times(
    roles: Roles, remarks: list[str], read: Callable[[], NDArray[np.int64]] | None
) -> NDArray[np.int64] | None:
    """Return event times; where the column was not named and holds none, a remark says so."""
    if read is None:
        return None
    try:
        return or_none(read())
    except ProfileError as error:
        if roles.time is not None:
            raise
        remarks.append(f"column `{roles.usual_time}` is left out, and rows have no time: {error}")
        return None


def _listed(columns: Iterable[str]) -> str:
    listed = ", ".join(columns)
    return listed if len(listed) <= _SHOWN else f"{listed[: _SHOWN - 3]}..."
