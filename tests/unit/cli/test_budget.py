from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer

from driftline.cli import main
from driftline.cli.exit_codes import ExitCode
from driftline.cli.page_account import AccountRow, PageBook, of

if TYPE_CHECKING:
    from driftline.runtime.demo.embedded_broker import EmbeddedBroker


def alert(alert_id: str, day: str, notification: int = 1, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a state of an alert that notifies."""
    return {
        "alert_id": alert_id,
        "model": "credit",
        "model_version": "3",
        "revision": notification,
        "notify": True,
        "notification": notification,
        "in_budget": True,
        "opened_at": f"2026-{day}T12:00:00.000Z",
        "updated_at": f"2026-{day}T12:00:00.000Z",
        "acknowledged": None,
        **changes,
    }


def said(useful: bool | None) -> dict[str, Any]:  # noqa: FBT001  # what is said
    return {"by": "ann", "at": "2026-03-02T12:00:00.000Z", "comment": None, "useful": useful}


def report(month: str, paged: int, within: int | None = None, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a monthly report."""
    return {
        "model": "credit",
        "model_version": "3",
        "window": {"start": f"2026-{month}-01T00:00:00.000Z"},
        "revision": 2,
        "awaits_labels": False,
        "promised": 1.5,
        "paged": paged,
        "paged_within_budget": paged if within is None else within,
        **changes,
    }


def rows(alerts: list[dict[str, Any]], reports: list[dict[str, Any]] | None = None) -> list[AccountRow]:
    book = PageBook()
    for each in alerts:
        book.add_alert(each)
    for each in reports or []:
        book.add_report(each)
    return book.rows(lambda _, days: days / 10)


def counts(row: AccountRow) -> tuple[int, int, int, int, int]:
    return (row.paged, row.within_budget, row.useful, row.not_useful, row.not_said)


def test_pages_are_counted_by_month_and_by_what_was_said_of_their_alert() -> None:
    found = rows(
        [
            alert("a", "03-02"),
            alert("a", "03-05", 2, acknowledged=said(useful=True)),
            alert("b", "03-03", in_budget=False, acknowledged=said(useful=False)),
            alert("c", "03-04", acknowledged=said(useful=None)),
            alert("d", "04-04"),
        ]
    )
    assert [(row.month, row.model) for row in found] == [("2026-03", "credit"), ("2026-04", "credit")]
    assert counts(found[0]) == (4, 3, 2, 1, 1)
    assert counts(found[1]) == (1, 1, 0, 0, 1)
    assert [row.is_over for row in found] == [True, False]
    assert (found[0].promised, found[1].promised) == (3.1, 0.35)


def test_what_is_repeated_or_notifies_nobody_counts_once_or_not_at_all() -> None:
    quiet = alert("a", "03-06", 1, revision=2, notify=False)
    assert counts(rows([alert("a", "03-02"), alert("a", "03-02"), quiet])[0])[0] == 1
    assert rows([alert("a", "03-02", 0, notify=False)]) == []
    assert rows([{"alert_id": "x"}, {"alert_id": "x", "updated_at": "soon"}]) == []


def test_feedback_in_an_older_state_does_not_count() -> None:
    judged = alert("a", "03-02", revision=2, notify=False, acknowledged=said(useful=True))
    assert counts(rows([judged, alert("a", "03-02")])[0])[2] == 1


def test_notifications_whose_records_were_compacted_away_are_counted_by_the_latest_state() -> None:
    latest = alert("a", "05-04", 3, notify=False, opened_at="2026-03-30T12:00:00.000Z")
    assert [(row.month, row.paged) for row in rows([latest])] == [("2026-03", 2), ("2026-05", 1)]
    once = alert("a", "05-04", 1, notify=False, opened_at="2026-03-30T12:00:00.000Z")
    assert [(row.month, row.paged) for row in rows([once])] == [("2026-03", 1)]


def test_a_report_stands_for_alerts_that_were_deleted() -> None:
    found = rows([alert("z", "05-20")], [report("02", 7, 5), report("04", 2)])
    assert [(row.month, *counts(row)) for row in found] == [
        ("2026-02", 7, 5, 0, 0, 7),
        ("2026-04", 2, 2, 0, 0, 2),
        ("2026-05", 1, 1, 0, 0, 1),
    ]
    assert [(row.is_whole, row.feedback_is_whole) for row in found] == [(True, False), (True, False), (True, True)]
    assert found[0].promised == 1.5


def test_the_last_report_counts_and_versions_add_up() -> None:
    found = rows([], [report("03", 4), report("03", 1, revision=1), report("03", 2, model_version="4")])
    assert [(row.paged, row.promised) for row in found] == [(6, 3.0)]


def test_a_month_without_a_whole_report_is_at_least_what_is_known() -> None:
    (march, may) = rows([alert("a", "03-02"), alert("z", "05-20")])
    assert (march.is_whole, may.is_whole) == (False, True)
    (march, _) = rows([alert("a", "03-02"), alert("z", "05-20")], [report("03", 0, awaits_labels=True)])
    assert (march.is_whole, march.paged) == (False, 1)


def test_what_is_of_no_model_was_promised_nothing() -> None:
    (row,) = rows([alert("a", "03-02", model="", model_version="labels")])
    assert (row.model, row.promised, row.paged) == ("", None, 1)
    assert of([row], None, "2026-03") == of([row], "", None) == [row]
    assert of([row], "credit", None) == of([row], None, "2026-04") == []


@pytest.mark.parametrize("wrong", [{}, {"window": 1}, {"window": {}}, {"window": {"start": "soon"}}])
def test_a_report_that_says_no_month_is_passed_over(wrong: dict[str, Any]) -> None:
    assert rows([], [wrong]) == []


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["budget", *arguments])
    output = capsys.readouterr()
    return int(left.value.code or 0), output.out, output.err


def test_the_command_reads_both_topics(
    embedded_broker: EmbeddedBroker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    for topic in ("driftline.alerts", "driftline.events"):
        embedded_broker.create_topic(topic, 1)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap})
    for each in (alert("a", "03-02", acknowledged=said(useful=True)), alert("b", "05-20", model="[b]\x1b[31m")):
        producer.produce("driftline.alerts", json.dumps(each).encode(), key=str(each["alert_id"]).encode())
    producer.produce("driftline.alerts", None, key=b"a")
    window: dict[str, str | bytes | None] = {"ce_type": "io.driftline.window.v1", "ce_time": "2026-05-21T00:00:00.000Z"}
    producer.produce("driftline.events", b"{", headers=window)
    monthly: dict[str, str | bytes | None] = {"ce_type": "io.driftline.pages.v1", "ce_time": "2026-04-01T00:00:00.000Z"}
    producer.produce("driftline.events", json.dumps(report("03", 3)).encode(), headers=monthly)
    producer.flush(30)
    brokers = ("--brokers", embedded_broker.bootstrap)
    code, shown, remarks = run(capsys, *brokers)
    assert code == ExitCode.OK
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if line.startswith("│")]
    assert cells == [
        ["2026-03", "credit", "1.5", "3", "3", "1", "0", "2"],
        ["2026-05 so far", "[b]", "0.67", "1", "1", "0", "0", "1"],
    ]
    assert "Up to 2026-03, `not said` includes alerts that were deleted" in remarks
    code, shown, _ = run(capsys, *brokers, "--format", "json", "--model", "credit", "--month", "2026-03")
    assert (code, json.loads(shown)) == (
        ExitCode.OK,
        [
            {
                "month": "2026-03",
                "model": "credit",
                "promised": 1.5,
                "paged": 3,
                "within_budget": 3,
                "useful": 1,
                "not_useful": 0,
                "not_said": 2,
                "is_over": True,
                "is_whole": True,
                "feedback_is_whole": False,
            }
        ],
    )
    assert "no page, and no report" in run(capsys, *brokers, "--month", "2020-01")[2]
    code, _, errors = run(capsys, "--month", "2026-13")
    assert code != ExitCode.OK
    assert "a month such as 2026-03" in errors
