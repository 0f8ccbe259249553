from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from driftline.cli import main
from driftline.cli.alert_book import Alert, detail_lines
from driftline.cli.alert_fleet import EARLIER_VERSION, FleetBook
from driftline.cli.exit_codes import ExitCode
from driftline.config.durations import Duration
from driftline.config.model import AlertSettings, Budget, ModelSettings
from driftline.config.settings import FleetSettings, Settings
from tests.support.alerts import alert_fields, resolved

if TYPE_CHECKING:
    from typing import Any

    from driftline.runtime.demo.embedded_broker import EmbeddedBroker

ONE_NEEDS = 10 * 31 / 30 / 0.1


def fields(alert_id: str, e_value: float | None, month: str = "2026-03", **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    evidence = None if e_value is None else {"months": [{"month": month, "e_value": e_value}], "without": []}
    return alert_fields(alert_id, **({"incident": alert_id, "model": "m", "evidence": evidence} | changes))


ALERTS = [
    fields("strong", ONE_NEEDS),
    fields("weak", ONE_NEEDS / 10, severity="warning"),
    fields("later", ONE_NEEDS / 20, incident="strong"),
    fields("latest", ONE_NEEDS / 20, incident="later"),
    fields("old", None, severity="info"),
    fields("limit", 1.0, evidence={"months": [], "without": ["configured limit"]}),
    resolved("over", incident="over", evidence={"months": [{"month": "2026-03", "e_value": 3.0}], "without": []}),
]


def book(settings: Settings, *more: dict[str, Any], watched: frozenset[tuple[str, str]] = frozenset()) -> FleetBook:
    return FleetBook(settings, watched, [Alert(each["alert_id"], each) for each in (*ALERTS, *more)])


def test_each_open_incident_says_whether_it_is_in_the_set() -> None:
    report = book(Settings(fleet=FleetSettings(models=10))).report()
    assert [(each.alert_id, each.in_set, each.without) for each in report.incidents] == [
        ("strong", True, []),
        ("limit", None, ["configured limit"]),
        ("weak", False, []),
        ("old", None, [EARLIER_VERSION]),
    ]
    (month,) = report.months
    assert (month.month, month.n_incidents, month.n_in_set, month.n_models) == ("2026-03", 3, 1, 10)
    assert month.expected == pytest.approx(10 * 31 / 30)
    assert month.needed == pytest.approx(ONE_NEEDS / 2)
    assert report.incidents[0].e_values == {"2026-03": pytest.approx(1.1 * ONE_NEEDS)}, "with what follows from it"


def test_what_has_enough_is_in_the_set_whatever_else_it_has() -> None:
    evidence = {"months": [{"month": "2026-03", "e_value": ONE_NEEDS}], "without": ["fixed threshold"]}
    report = book(Settings(fleet=FleetSettings(models=10)), fields("both", None, evidence=evidence)).report()
    assert {each.alert_id: each.in_set for each in report.incidents}["both"] is True


def test_resolved_incidents_are_shown_on_request_and_count_in_any_case() -> None:
    made = book(Settings(fleet=FleetSettings(models=10)))
    assert [each.alert_id for each in made.report(also_resolved=True).incidents][:3] == ["strong", "limit", "over"]


def test_the_budgets_of_all_models_count_each_with_its_own() -> None:
    alerts = AlertSettings(false_alarm_budget=Budget(2.0, Duration(7 * 86_400_000)))
    settings = Settings(models={"m": ModelSettings(), "n": ModelSettings(alerts=alerts)})
    seen = {("credit-risk", "3"), ("m", "3")}
    (month,) = book(settings, watched=frozenset({("n", "1"), ("n", "2"), *seen})).report().months
    assert month.n_models == 4
    assert month.expected == pytest.approx(2 * 31 / 30 + 2 * 2 * 31 / 7)


def test_lines_say_what_the_set_is_and_what_each_incident_has() -> None:
    made = book(Settings(fleet=FleetSettings(models=10)))
    heading, *lines = [each.plain for each in made.lines(made.report())]
    assert heading == (
        "2026-03: 1 of 3 incidents are in the set; at most 10 % of it are expected to be false. 10 models may expect "
        "10.333 false alarms; one more incident needs an e-value of 51.7."
    )
    assert [line[:10] for line in lines] == ["in the set", "no e-value", "not in set", "no e-value"]
    assert lines[0].endswith("strong  (2026-03: 114)")
    assert lines[1].endswith("limit  (configured limit)")


def test_an_alert_in_full_has_its_e_values() -> None:
    shown = [each.plain for each in detail_lines(Alert("a", fields("a", 12.345)))]
    assert "e-value   12.3 in 2026-03" in shown
    shown = [
        each.plain
        for each in detail_lines(Alert("limit", next(each for each in ALERTS if each["alert_id"] == "limit")))
    ]
    assert "e-value   none: configured limit" in shown


@pytest.fixture
def topics(embedded_broker: EmbeddedBroker) -> str:
    """Write the alerts, and the keys of the references of three models; return the address of the broker."""
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap})
    for name in ("alerts", "references"):
        embedded_broker.create_topic(f"driftline.{name}", 1)
    for each in ALERTS:
        producer.produce("driftline.alerts", json.dumps(each).encode(), key=each["alert_id"].encode())
    profiles = [("m", "3", "p1", "0"), ("m", "3", "p1", "1"), ("m", "3", "p2", "0"), ("n", "1", "p", "0")]
    for key in ("foreign", "gone\x001\x00p\x000", *map("\0".join, profiles)):
        producer.produce("driftline.references", b"x", key=key.encode())
    producer.produce("driftline.references", None, key=b"gone\x001\x00p\x000")
    producer.flush(30)
    return embedded_broker.bootstrap


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        main(["alerts", "fleet", *arguments])
    return int(left.value.code or 0), capsys.readouterr().out


def test_the_command_counts_the_models_with_a_reference(topics: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = run(capsys, "--brokers", topics, "--json")
    assert code == ExitCode.OK
    report = json.loads(shown)
    assert report["months"][0]["n_models"] == 3, "m@3, n@1 and credit-risk@3"
    assert [each["in_set"] for each in report["incidents"]] == [True, None, False, None]
    code, shown = run(capsys, "--brokers", topics, "--all")
    assert code == ExitCode.OK
    assert len(shown.splitlines()) == 1 + 5
