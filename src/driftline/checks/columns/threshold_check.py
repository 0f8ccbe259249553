"""Fixed thresholds, for who wants them: a distance that reaches a number, without a test and without a bound.

What such a threshold costs in false pages depends on the number of events, on their dependence and on the bins; the
false-alarm budget does not cover it, and each finding says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from driftline.events.finding import Effect, Statistic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.config.model import ModelSettings
    from driftline.events.window import DistanceValue

PREFIX: Final = "threshold."
"""Before the distance's name, in the name of the check."""


class Crossing(Struct, frozen=True, kw_only=True):
    """A distance that reached its threshold.

    Parameters
    ----------
    check : str
        ``threshold.<distance>``.
    statistic : Statistic
        What was held against the threshold; no p-value, as nothing was tested.
    effect : Effect
    words : str
        What happened, to follow the column's name.
    """

    check: str
    statistic: Statistic
    effect: Effect
    words: str


def thresholds_of(settings: ModelSettings, column: str) -> dict[str, float]:
    """Return the fixed thresholds of a column, by distance: its own, then those of all.

    Examples
    --------
    >>> from driftline.config.model import CheckSettings, ColumnSettings, ModelSettings
    >>> settings = ModelSettings(
    ...     checks=CheckSettings(thresholds={"psi": 0.2}), columns={"age": ColumnSettings(thresholds={"psi": 0.5})}
    ... )
    >>> thresholds_of(settings, "age"), thresholds_of(settings, "income")
    ({'psi': 0.5}, {'psi': 0.2})
    """
    own = settings.columns.get(column)
    return {**settings.checks.thresholds, **(own.thresholds if own is not None else {})}


def crossings(
    distances: Mapping[str, DistanceValue], thresholds: Mapping[str, float], value: Literal["corrected", "raw"]
) -> list[Crossing]:
    """Return the distances that reached their thresholds, by name.

    Parameters
    ----------
    distances : mapping of str to DistanceValue
        Of one column in one window; one that could not be computed is not in it, and reaches nothing.
    thresholds : mapping of str to float
        By distance.
    value : {"corrected", "raw"}
        Which value is held against the threshold. A distance that has no correction is taken as it is.

    Examples
    --------
    >>> from driftline.events.window import DistanceValue
    >>> psi = DistanceValue(raw=0.24, corrected=0.17, error_bound=0.0)
    >>> crossings({"psi": psi}, {"psi": 0.2}, "corrected")
    []
    >>> crossings({"psi": psi}, {"psi": 0.2}, "raw")[0].words
    'psi 0.24 reached its fixed threshold of 0.2 (corrected 0.17); not tested, no false-alarm bound'
    """
    found: list[Crossing] = []
    for name, threshold in sorted(thresholds.items()):
        distance = distances.get(name)
        if distance is None:
            continue
        corrected = distance.raw if distance.corrected is None else distance.corrected
        held, other = (corrected, distance.raw) if value == "corrected" else (distance.raw, corrected)
        if held < threshold:
            continue
        beside = "raw" if value == "corrected" else "corrected"
        beside = "" if distance.corrected is None else f" ({beside} {other:.2g})"
        words = (
            f"{name} {held:.2g} reached its fixed threshold of {threshold:g}{beside}; not tested, no false-alarm bound"
        )
        found.append(
            Crossing(
                check=f"{PREFIX}{name}",
                statistic=Statistic(name=name, value=held, degrees_of_freedom=None, p_value=None, threshold=threshold),
                effect=Effect(
                    name=name, raw=distance.raw, corrected=corrected, gate=threshold, current=None, reference=None
                ),
                words=words,
            )
        )
    return found
