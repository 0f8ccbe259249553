"""Brokers and time limits for the tests, and a last word on the tests that did not run."""

from __future__ import annotations

import gc
import os
import re
import uuid
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import settings

from driftline.runtime.demo.embedded_broker import EmbeddedBroker
from tests.support.prometheus import EXIT_UNAVAILABLE as EXIT_NO_PROMETHEUS
from tests.support.prometheus import PrometheusTools, fetch_tools
from tests.support.real_broker import EXIT_UNAVAILABLE, RealBroker, in_ci, kafka, patient

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

settings.register_profile("full", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=25)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))
"""No example is timed, because a busy machine would fail it. Tests name their own number with `tests.support.examples`,
which takes it for that of the full profile.
"""

for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)  # what is printed must not depend on the terminal that the tests run in

REAL_BROKER_FIXTURES = {"real_broker", "own_broker", "oauth_broker", "can_start_kafka"}


@pytest.fixture(autouse=True)
def usual_logs() -> Iterator[None]:
    """Take back what a command that ran in the test's own process did to the logs of the process."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def can_start_kafka() -> None:
    """Skip where this machine has no Java or Maven; in CI that is a failure."""
    checked = kafka("check")
    if checked.returncode == EXIT_UNAVAILABLE:
        reason = f"no real broker: {checked.stderr.strip().removeprefix('kafka: ')}"
        if in_ci():
            pytest.fail(f"{reason}; in CI one is required")
        pytest.skip(reason)
    assert checked.returncode == 0, checked.stderr


@pytest.fixture(scope="session")
def real_broker(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a real Kafka: KAFKA_BOOTSTRAP, else one of scripts/kafka, started where it does not run.

    Each process of a parallel run starts its own, because the first to end would stop the others' broker.
    """
    given = os.environ.get("KAFKA_BOOTSTRAP")
    if given:
        yield given
        return
    request.getfixturevalue("can_start_kafka")
    name = os.environ.get("PYTEST_XDIST_WORKER", "main")
    ran_before = kafka("status", "--name", name).returncode == 0
    broker = RealBroker(name)
    broker.start()
    yield broker.bootstrap
    if not ran_before:
        broker.stop()


@pytest.fixture
def own_broker(request: pytest.FixtureRequest) -> Iterator[RealBroker]:
    """Return a real Kafka of the test's own, running and empty, which it may stop, kill and start again."""
    request.getfixturevalue("can_start_kafka")
    broker = RealBroker(f"test-{uuid.uuid4().hex[:8]}")
    broker.start()
    yield broker
    broker.purge()


@pytest.fixture
def oauth_broker(request: pytest.FixtureRequest) -> Iterator[RealBroker]:
    """Return a real Kafka of the test's own that also listens for OAUTHBEARER, with unsigned tokens."""
    request.getfixturevalue("can_start_kafka")
    broker = RealBroker(f"test-{uuid.uuid4().hex[:8]}", oauth=True)
    broker.start()
    yield broker
    broker.purge()


@pytest.fixture(scope="session")
def prometheus_tools() -> PrometheusTools:
    """Prometheus, Alertmanager and their tools; skip where they cannot be had, which in CI is a failure."""
    fetched = fetch_tools()
    if fetched.returncode == EXIT_NO_PROMETHEUS:
        reason = f"no Prometheus: {fetched.stderr.strip().removeprefix('prometheus: ')}"
        if in_ci():
            pytest.fail(f"{reason}; in CI it is required")
        pytest.skip(reason)
    assert fetched.returncode == 0, fetched.stderr
    return PrometheusTools(fetched.stdout.strip())


@pytest.fixture
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """Return an embedded broker without topics; see its documentation for what must not be tested on it."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """Return a prefix for topics, groups and transactional ids that no other test and no earlier run has used."""
    name = re.sub(r"[^a-zA-Z0-9]+", "-", request.node.name).strip("-")
    return f"{name[:60]}-{uuid.uuid4().hex[:8]}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage neither while tests are found nor, later, among ten thousand of them, which live to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by the broker they use, so that no test can forget its marker; apply the patience to time limits."""
    for item in items:
        limit = item.get_closest_marker("timeout")
        seconds = float(limit.args[0] if limit else config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(patient(seconds)), append=False)
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & REAL_BROKER_FIXTURES:
            item.add_marker("real_broker")
        if "embedded_broker" in fixtures:
            item.add_marker("embedded_broker")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Say last of all which tests did not run, and why."""
    yield
    skipped: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        skipped.setdefault(reason.removeprefix("Skipped: "), []).append(report.nodeid)
    if skipped:
        terminalreporter.section("these tests did not run")
    for reason, tests in skipped.items():
        terminalreporter.line(f"{reason}:")
        for test in tests:
            terminalreporter.line(f"  {test}")
