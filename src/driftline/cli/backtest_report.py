"""What ``driftline backtest`` says beside its counts: what was refused, and why there was no verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.cli.common import err
from driftline.events.cloudevents import rfc3339
from driftline.events.dead_letter import EMPTY, NOT_JSON, NOT_UTF8, REASONS

if TYPE_CHECKING:
    from driftline.runtime.files.backtest import BacktestTotals

_NO_DOCUMENT: Final = frozenset({EMPTY, NOT_JSON, NOT_UTF8})
"""Reasons that no mapping of fields can mend."""
_ABOUT_FIELDS: Final = ". Where fields stand in a record is configured under `predictions.fields`"
_SHOWN_REASONS: Final = 10
"""Models whose lack of a verdict is explained."""


def say_refusals(totals: BacktestTotals) -> None:
    """Print for each reason how many records were rejected, and the first of them."""
    for reason, n in totals.refused.most_common():
        line = f"{n:,} rejected, {reason} ({REASONS[reason]}); the first: {totals.first_refusals[reason]}"
        err.print(line, style="yellow", markup=False)
    if totals.nothing_usable:
        advice = "" if totals.refused.keys() <= _NO_DOCUMENT else _ABOUT_FIELDS
        err.print(f"error: no prediction could be used: all were rejected{advice}", style="red", markup=False)


def say_no_verdict(totals: BacktestTotals, reasons: list[str]) -> None:
    """Print why there was no verdict: of any model, or of those that had none beside others."""
    if totals.nothing_usable:
        return
    if not totals.n_windows:
        err.print("No window was evaluated.", style="yellow", markup=False)
    if not totals.n_predictions:
        err.print("The file of predictions holds no record", style="yellow", markup=False)
    usable = totals.n_predictions - totals.n_predictions_refused
    if not totals.n_windows and totals.n_late > usable / 2:
        err.print(
            f"{totals.n_late:,} of {usable:,} predictions came late and were left out: is the file sorted by time? If "
            "it is, raise time.lateness",
            style="yellow",
            markup=False,
        )
    for reason in reasons[:_SHOWN_REASONS]:
        err.print(reason, style="yellow", markup=False)
    if len(reasons) > _SHOWN_REASONS:
        err.print(f"... and {len(reasons) - _SHOWN_REASONS:,} more models", style="yellow", markup=False)


def say_no_joins(totals: BacktestTotals, prediction: tuple[str, int | None], label: tuple[str, int | None]) -> None:
    """Print that no label met a prediction, with id and time of the first of each file, and where to look."""
    where = (
        "the ids agree, so look at the times and their unit (`labels.fields.ts`): a label counts if it is at most "
        "labels.wait older than its prediction and labels.horizon younger"
        if prediction[0] == label[0]
        else "where ids stand is configured under `predictions.fields.prediction_id` and `labels.fields.prediction_id`"
    )
    err.print(
        f"None of the {totals.n_labels:,} labels met its prediction. The first prediction is {_named(prediction)}, the "
        f"first label {_named(label)}: {where}",
        style="yellow",
        markup=False,
    )


def _named(event: tuple[str, int | None]) -> str:
    name, time_ms = event
    return f"`{name}`" if time_ms is None else f"`{name}` of {rfc3339(time_ms)}"
