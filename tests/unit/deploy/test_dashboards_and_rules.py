"""Dashboards, rules, routes and runbook agree with each other and with the metrics that driftline has."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, get_args

import pytest
import yaml

from driftline.events.alert import Cause
from driftline.runtime.operations.telemetry import Telemetry
from tests.support.real_broker import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEPLOY = ROOT / "deploy"
FAMILIES = {family.name: family for family in Telemetry().families}
SERIES = {
    *(name for name, family in FAMILIES.items() if family.kind != "histogram"),
    *(f"{name}_bucket" for name, family in FAMILIES.items() if family.kind == "histogram"),
}
METRIC = re.compile(r"\bdriftline[\w:]*")


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


RULES = [rule for group in read(DEPLOY / "prometheus/rules/driftline.yml")["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
DASHBOARDS = [json.loads(path.read_bytes()) for path in sorted((DEPLOY / "grafana/dashboards").glob("*.json"))]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")


def anchors() -> dict[str, str]:
    """Return each section of the runbook by the anchor of its heading."""
    headings = list(re.finditer(r"^#+ (.+)$", RUNBOOK, re.MULTILINE))
    ends = [heading.start() for heading in headings[1:]] + [len(RUNBOOK)]
    return {
        heading[1].lower().replace(" ", "-"): RUNBOOK[heading.end() : end]
        for heading, end in zip(headings, ends, strict=True)
    }


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    for dashboard in DASHBOARDS:
        for panel in dashboard["panels"]:
            yield from (target["expr"] for target in panel.get("targets", ()))
        yield from (each["definition"] for each in dashboard["templating"]["list"] if each["type"] == "query")


def test_dashboards_are_written_from_their_description() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "dashboards.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_queries_ask_for_metrics_that_exist() -> None:
    asked = {
        name
        for expression in expressions()
        for name in METRIC.findall(re.sub(r'"[^"]*"', '""', expression))
        if name != "driftline"
    }
    assert asked - SERIES - RECORDED == set()
    unused = {name for name in SERIES if name not in asked} - {"driftline_panes_position_offset"}
    not_everywhere = {"driftline_halves_waiting", "driftline_model_measure", "driftline_model_mean_measure"}
    not_everywhere |= {name for name in SERIES if name.startswith(("driftline_retraining_", "driftline_proposal_"))}
    assert unused <= not_everywhere, "a metric that no rule and no dashboard shows"


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_each_alert_has_a_severity_and_a_section_in_the_runbook(alert: str) -> None:
    rule = ALERTS[alert]
    severity = rule.get("labels", {}).get("severity")
    assert severity in {"warning", "critical"} or "severity" in rule["expr"]
    section = anchors()[alert.lower()]
    for part in ("**Meaning.**", "**Look at first.**", "**Do.**"):
        assert part in section
    url = rule["annotations"]["runbook_url"]
    expected = '{{ reReplaceAll " " "-" $labels.cause }}' if alert == "DriftlineModelAlert" else alert.lower()
    assert url == f"docs/runbook.md#{expected}"


@pytest.mark.parametrize("cause", get_args(Cause))
def test_each_cause_of_an_alert_has_a_section_in_the_runbook(cause: str) -> None:
    section = anchors()[cause.replace(" ", "-")]
    for part in ("**Meaning.**", "**Look at first.**", "**Do.**"):
        assert part in section


def test_the_runbook_has_no_alert_that_no_rule_has() -> None:
    named = set(re.findall(r"^## (Driftline\w+)$", RUNBOOK, re.MULTILINE))
    assert named == ALERTS.keys()


def test_each_alert_has_a_unit_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    fires: set[str] = set()
    is_silent: set[str] = set()
    for group in read(DEPLOY / "prometheus/tests/driftline.yml")["tests"]:
        for test in group["alert_rule_test"]:
            (fires if test.get("exp_alerts") else is_silent).add(test["alertname"])
    assert fires == is_silent == ALERTS.keys()


def test_routes_and_inhibitions_name_alerts_and_receivers_that_exist() -> None:
    config = read(DEPLOY / "alertmanager/alertmanager.yml")
    receivers = {receiver["name"] for receiver in config["receivers"]}
    routes = [config["route"]]
    used = set()
    for route in routes:
        used.add(route["receiver"])
        routes += route.get("routes", ())
    assert used == receivers
    matchers = [text for route in routes for text in route.get("matchers", ())]
    for rule in config["inhibit_rules"]:
        matchers += rule["source_matchers"] + rule["target_matchers"]
    named = {name for text in matchers for name in re.findall(r"Driftline\w+", text)}
    assert named
    assert named <= ALERTS.keys()


def test_docker_compose_mounts_what_is_there_where_it_is_looked_for() -> None:
    services = read(ROOT / "docker-compose.yml")["services"]
    mounts = [
        mount.split(":")[:2]
        for service in services.values()
        for mount in service.get("volumes", ())
        if mount.startswith("./")
    ]
    assert [source for source, _ in mounts if not (ROOT / source).exists()] == []
    inside = {target: ROOT / source for source, target in mounts}
    provider = read(DEPLOY / "grafana/provisioning/dashboards/driftline.yml")["providers"][0]["options"]["path"]
    assert list(inside[provider].glob("*.json"))
    prometheus = read(inside["/etc/prometheus/prometheus.yml"])
    assert all(list(inside["/etc/prometheus/rules"].parent.glob(pattern)) for pattern in prometheus["rule_files"])
    (target,) = prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert target.partition(":")[0] in services
    source = read(DEPLOY / "grafana/provisioning/datasources/prometheus.yml")["datasources"][0]["url"]
    assert source == "http://prometheus:9090"
