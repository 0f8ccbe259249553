"""``driftline budget``: the account of pages, promised and made, useful or not, by model and month."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from driftline.cli.app import app
from driftline.cli.common import (
    BrokersOption,
    ConfigOption,
    PrefixOption,
    err,
    out,
    overrides,
    read_settings,
)
from driftline.cli.topic_records import topic_records
from driftline.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from driftline.cli.page_account import AccountRow
    from driftline.config.settings import Settings
    from driftline.runtime.kafka.tail import TailedRecord

_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_DAY_MS: Final = 86_400_000


class OutputFormat(StrEnum):
    """How the account is printed."""

    table = "table"
    json = "json"


@app.command("budget")
def budget(
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="This model alone.", show_default=False)] = None,
    month: Annotated[
        str | None, typer.Option("--month", metavar="YYYY-MM", help="This month alone.", show_default=False)
    ] = None,
    output: Annotated[
        OutputFormat, typer.Option("--format", help="A table, or one JSON document.")
    ] = OutputFormat.table,
) -> None:
    """Print how many pages the budget promised at most, how many there were, and how many of them were useful.

    Reads the alerts and the monthly reports of the events topic; nothing is written and no group is joined.
    """
    from driftline.cli.page_account import of

    if month is not None and not _MONTH.fullmatch(month):
        raise ParameterError("a month such as 2026-03", month, "--month")
    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    rows = of(_rows(settings), model, month)
    if output is OutputFormat.json:
        out.print(msgspec.json.encode(rows).decode(), markup=False, soft_wrap=True)
        return
    if rows:
        out.print(_table(rows))
    else:
        err.print("no page, and no report on a month, for what was asked for", style="dim", markup=False)
    for line in _remarks(rows):
        err.print(line, style="dim", markup=False)


def _rows(settings: Settings) -> list[AccountRow]:
    from driftline.cli.alert_lines import decoded
    from driftline.cli.page_account import PageBook, time_of
    from driftline.events.cloudevents import PAGES

    book = PageBook()
    for record in _records(settings, "alerts"):
        alert = None if record.value is None else decoded(record.value)
        if alert is not None:
            book.add_alert(alert)
    for record in _records(settings, "events", PAGES):
        time = time_of(record.headers.get("ce_time"))
        if time is not None:
            book.note_time(time)
        report = None if record.value is None or record.headers.get("ce_type") != PAGES else decoded(record.value)
        if report is not None:
            book.add_report(report)

    def promise(model: str, days: float) -> float:
        allowed = settings.model(model).alerts.false_alarm_budget
        return allowed.pages * days * _DAY_MS / int(allowed.horizon)

    return book.rows(promise)


def _records(settings: Settings, name: str, ce_type: str | None = None) -> Iterator[TailedRecord]:
    """Yield the records of a topic to its end; values of another type of event stay as they are."""
    topic = settings.kafka.topic(name)
    for record, problem in topic_records(settings, topic, ce_type=ce_type):
        if problem is None:
            yield record
        else:
            err.print(f"not counted, {topic}-{record.partition}@{record.offset}: {problem}", markup=False)


def _table(rows: list[AccountRow]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from driftline.notify.escaping import plain

    numbers = ("promised", "paged", "within budget", "useful", "not useful", "not said")
    table = Table("month", "model")
    for name in numbers:
        table.add_column(name, justify="right")
    for row in rows:
        counts = (row.within_budget, row.useful, row.not_useful, row.not_said)
        table.add_row(
            row.month + ("" if row.is_over else " so far"),
            Text(plain(row.model) or "(input topics)"),
            "" if row.promised is None else f"{row.promised:.2g}",
            f"{'' if row.is_whole else '≥ '}{row.paged:,}",
            *(f"{count:,}" for count in counts),
        )
    return table


def _remarks(rows: list[AccountRow]) -> Iterator[str]:
    """Yield from when on figures are whole."""
    if any(not row.is_whole for row in rows):
        yield "≥: there may have been more, as alerts are deleted 30 days after their end and no report is left."
    gone = [row.month for row in rows if not row.feedback_is_whole]
    if gone:
        yield (
            f"Up to {max(gone)}, `not said` includes alerts that were deleted 30 days after their end, with what was "
            "said of them."
        )
