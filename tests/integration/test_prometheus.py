"""Metrics, rules, routes and dashboards on a real Prometheus and Alertmanager, with driftline on a real broker."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml
from confluent_kafka import Producer

from driftline.config.load import load_settings
from driftline.config.secrets import Credentials
from driftline.runtime.demo.demo_run import _reference
from driftline.runtime.demo.simulation import Destination, Sender
from driftline.runtime.references.reference_topic import publish
from driftline.simulation.scenario import Scenario
from tests.support.alerts import alert_fields
from tests.support.command import driftline
from tests.support.fleets import fleet_alert, fleet_resolved
from tests.support.http_server import Answer, HttpServer, Request
from tests.support.notifier import Notified as AlertTopics
from tests.support.notifier import NotifierProcess
from tests.support.prometheus import DEPLOY, EXIT_UNAVAILABLE, SCRIPT, query
from tests.support.real_broker import ROOT, create_topics, patient, wait_until
from tests.support.workers import workers_of

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.config.settings import Settings
    from tests.support.prometheus import PrometheusTools

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
MODEL = "credit-risk"


def test_rules_and_routes_are_valid_and_every_alert_fires_as_its_test_says(prometheus_tools: PrometheusTools) -> None:
    rules = DEPLOY / "prometheus" / "rules" / "driftline.yml"
    assert "SUCCESS" in prometheus_tools.check("promtool", "check", "rules", "--lint=all", "--lint-fatal", rules)
    prometheus_tools.check("promtool", "check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    prometheus_tools.check("promtool", "test", "rules", DEPLOY / "prometheus" / "tests" / "driftline.yml")
    prometheus_tools.check("amtool", "check-config", DEPLOY / "alertmanager" / "alertmanager.yml")


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ("alertname=DriftlineModelAlert severity=critical model=m", "on-call,model-owners"),
        ("alertname=DriftlineModelAlert severity=warning model=m", "model-owners"),
        ("alertname=DriftlineModelSilent severity=warning model=m", "model-owners"),
        ("alertname=DriftlineDataDrift alert_id=a1 group=a0 severity=critical model=m", "on-call,model-owners"),
        ("alertname=DriftlineDataDrift alert_id=a1 group=a0 severity=warning model=m", "model-owners"),
        ("alertname=DriftlineDataDrift severity=critical model=m alert_id=a1", "on-call,model-owners"),
        ("alertname=DriftlineDataDrift severity=info model=m alert_id=a1", "model-owners"),
        ("alertname=DriftlineDown severity=critical", "on-call"),
        ("alertname=DriftlineBehind severity=warning", "operators"),
    ],
)
def test_alerts_reach_those_whom_they_concern(prometheus_tools: PrometheusTools, labels: str, receivers: str) -> None:
    config = f"--config.file={DEPLOY / 'alertmanager' / 'alertmanager.yml'}"
    shown = prometheus_tools.check("amtool", "config", "routes", "test", config, *labels.split())
    assert shown.strip() == receivers


def test_without_packages_the_tools_cannot_be_had_and_the_reason_is_said(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), "PROMETHEUS_DIR": str(tmp_path / "prometheus")}
    done = subprocess.run([sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (EXIT_UNAVAILABLE, "")
    assert "promtool" in done.stderr
    assert "apt-get and dpkg-deb not either" in done.stderr


class Notified:
    """What a web hook received, by receiver and group."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: dict[tuple[str, str], dict[str, Any]] = {}

    def __call__(self, request: Request) -> Answer:
        content = json.loads(request.body)
        with self._lock:
            labels = content["groupLabels"]
            self._latest[request.path.strip("/"), labels.get("group") or labels.get("model", "")] = content
        return Answer(200)

    def latest(self, receiver: str, about: str) -> dict[str, Any] | None:
        """Return the last notification of a receiver about a page or a model."""
        with self._lock:
            return self._latest.get((receiver, about))

    def ids(self, receiver: str, page: str, status: str) -> set[str]:
        """Return the ids of a page's alerts that are firing or resolved, as last notified."""
        content = self.latest(receiver, page) or {"alerts": []}
        return {alert["labels"]["alert_id"] for alert in content["alerts"] if alert["status"] == status}

    def causes(self, receiver: str, status: str) -> set[str]:
        """Return the causes of a model's alerts that are firing or resolved, as last notified."""
        content = self.latest(receiver, MODEL) or {"alerts": []}
        return {alert["labels"]["cause"] for alert in content["alerts"] if alert["status"] == status}


def test_what_notify_sends_is_grouped_by_alertmanager_and_resolved(
    prometheus_tools: PrometheusTools, real_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    topics, received = AlertTopics(real_broker, topic_prefix, tmp_path), Notified()
    with HttpServer(received) as webhook, prometheus_tools.alertmanager(webhook.url, tmp_path) as alertmanager:
        sinks = {"manager": {"alertmanager": {"url": f"http://{alertmanager}", "interval": "1s"}}}
        with NotifierProcess(topics.configuration(sinks)) as process:
            process.ready()
            topics.write(fleet_alert(0), fleet_alert(1), alert_fields("b1", model="other", severity="warning"))
            wait_until(
                lambda: received.ids("on-call", "a000", "firing") == {"a000", "a001"},
                30,
                lambda: f"one problem of two models together: {received.latest('on-call', 'a000')}; {process.log}",
            )
            assert received.latest("on-call", "b1") is None, "a warning is for the owners alone"
            wait_until(lambda: received.latest("model-owners", "b1"), 30, "the warning")
            topics.write(fleet_resolved(0))
            wait_until(
                lambda: received.ids("on-call", "a000", "resolved") == {"a000"},
                30,
                lambda: f"one of two to be over: {received.latest('on-call', 'a000')}; {process.log}",
            )
            assert received.ids("on-call", "a000", "firing") == {"a001"}
            topics.write(fleet_resolved(1))
            wait_until(
                lambda: (received.latest("on-call", "a000") or {})["status"] == "resolved",
                30,
                lambda: f"the resolution: {received.latest('on-call', 'a000')}; {process.log}",
            )


def configured(bootstrap: str, prefix: str, folder: Path) -> tuple[Path, Settings]:
    """Return a configuration with small windows, whose tests need not learn the normal variation first."""
    create_topics(bootstrap, {f"{prefix}-predictions": 2, f"{prefix}-labels": 2})
    file = folder / "driftline.yaml"
    windows = {"verdict": ["15m", "30m"], "display": "15m", "hop": "5m", "performance": "15m", "min_samples": 200}
    content = {
        "kafka": {"brokers": bootstrap, "prefix": prefix, "panes_partitions": 2},
        "predictions": {"topic": f"{prefix}-predictions"},
        "labels": {"topic": f"{prefix}-labels"},
        "time": {"pane": "1m", "lateness": "1m", "idle_timeout": "1h"},
        "sketch": {"flush_interval": "200ms"},
        "detect": {"checkpoint_interval": "200ms"},
        "telemetry": {"log_format": "json"},
        "defaults": {
            "windows": windows,
            "checks": {"dispersion": {"mode": "independent"}},
            "labels": {"horizon": "30m", "revisions": ["5m", "15m"]},
            "operations": {"silence": "1d"},
        },
    }
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file, load_settings(file, {})


def send(settings: Settings, scenario: Scenario, *, all_labels: bool) -> None:
    """Send traffic as fast as the broker takes it."""
    assert settings.labels is not None
    names = (settings.predictions.topics[0], settings.labels.topics[0])
    topics = Destination(*names, partitions=2, create=False, event_time=True)
    Sender(settings.kafka, Credentials(), topics).send(scenario, speed=0, all_labels=all_labels, advance=lambda _: None)


def panels_without_data(prometheus: str) -> str:
    """Return what scripts/dashboard_queries.py says; empty where every panel of every dashboard has data."""
    command = [sys.executable, str(ROOT / "scripts" / "dashboard_queries.py"), f"http://{prometheus}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=patient(60))
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.slow
def test_a_drift_is_seen_on_every_dashboard_and_notified_until_it_is_over(
    prometheus_tools: PrometheusTools, real_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config, settings = configured(real_broker, topic_prefix, tmp_path)
    now_ms = int(time.time() * 1000)
    normal = Scenario(
        start_ms=now_ms // HOUR_MS * HOUR_MS - 4 * HOUR_MS,
        duration_ms=90 * MINUTE_MS,
        rate=1.5,
        model=MODEL,
        label_delay_ms=2 * MINUTE_MS,
        operations=True,
        drift=("income-shift", "concept"),
        drift_at_ms=now_ms // HOUR_MS * HOUR_MS - 4 * HOUR_MS + 30 * MINUTE_MS,
    )
    over = msgspec.structs.replace(
        normal, start_ms=normal.end_ms, duration_ms=2 * HOUR_MS, seed=43, drift=(), drift_at_ms=None
    )
    created = driftline("topics", "create", "--config", config)
    assert created.returncode == 0, created.stderr
    publish(settings.kafka, Credentials(), _reference(normal, settings))
    notified = Notified()
    with workers_of(config, tmp_path / "logs") as workers, HttpServer(notified) as webhook:
        worker = workers.start("all", "only")

        def port() -> str:
            worker.expect_running()
            found = re.search(r'"metrics_port":\s*(\d+)', worker.log())
            return found[1] if found else ""

        target = f"127.0.0.1:{wait_until(port, 60, lambda: f'a port of metrics{chr(10)}{workers.logs()}')}"
        with (
            prometheus_tools.alertmanager(webhook.url, tmp_path) as alertmanager,
            prometheus_tools.prometheus(alertmanager, target, tmp_path) as prometheus,
        ):
            wait_until(lambda: query(prometheus, 'up{job="driftline"} == 1'), 30, "a first scrape")
            assert "no data for" in panels_without_data(prometheus), "nothing has happened yet"
            producer = Producer({"bootstrap.servers": real_broker})
            producer.produce(settings.predictions.topics[0], b"no JSON")
            assert producer.flush(patient(30)) == 0
            send(settings, normal, all_labels=False)
            wait_until(
                lambda: notified.causes("model-owners", "firing") == {"data drift"},
                60,
                lambda: f"one incident: {notified.latest('model-owners', MODEL)}\n{workers.logs()}",
            )
            group = notified.latest("model-owners", MODEL)
            assert group is not None
            assert group["groupLabels"] == {"job": "driftline", "model": MODEL}
            assert {alert["labels"]["alertname"] for alert in group["alerts"]} == {"DriftlineModelAlert"}
            assert {each["annotations"]["runbook_url"] for each in group["alerts"]} == {"docs/runbook.md#data-drift"}
            wait_until(lambda: notified.causes("on-call", "firing"), 30, "a critical one to go to people on call too")
            wait_until(
                lambda: panels_without_data(prometheus) == "", 30, lambda: f"data:\n{panels_without_data(prometheus)}"
            )
            send(settings, over, all_labels=True)

            def is_over() -> bool:
                group = notified.latest("model-owners", MODEL) or {}
                return group.get("status") == "resolved" and not query(prometheus, 'ALERTS{alertstate="firing"}')

            wait_until(is_over, 60, lambda: f"a resolution: {notified.latest('model-owners', MODEL)}\n{workers.logs()}")
        worker.stop()
