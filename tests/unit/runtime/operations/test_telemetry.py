from __future__ import annotations

import json
import platform
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families

from driftline import __version__
from driftline.config.settings import TelemetrySettings
from driftline.errors import ConfigurationError
from driftline.events.model_key import ModelKey
from driftline.events.operations import MeasureSummary
from driftline.events.source_numbers import Place
from driftline.monitoring.monitor_status import OperationsStatus
from driftline.native.library import description
from driftline.runtime.operations.health import TelemetryServer
from driftline.runtime.operations.telemetry import Telemetry
from tests.support.real_broker import patient, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=patient(10)) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@contextmanager
def serving(telemetry: Telemetry, port: int = 0) -> Iterator[tuple[TelemetryServer, int]]:
    server = TelemetryServer(telemetry, TelemetrySettings(port=port))
    try:
        yield server, server.start()
    finally:
        server.close()


def filled() -> Telemetry:
    telemetry = Telemetry()
    for partition in (0, 1):
        telemetry.input_records("predictions", Place("scores", partition), 10)
        telemetry.input_records("labels", Place("truth", partition), 4)
        telemetry.lag("predictions", Place("scores", partition), 7)
        telemetry.lag("labels", Place("truth", partition), 7)
        telemetry.watermark_delay("predictions", Place("scores", partition), 1.5)
        telemetry.pending(partition, 3)
        telemetry.expired(partition, 20)
        telemetry.evicted(partition, 2)
        telemetry.position(partition, 99)
        telemetry.panes_stalled(partition, stalled=partition == 1)
        telemetry.held("predictions", Place("scores", partition), held=partition == 1)
    for _ in range(3):
        telemetry.dead_letter("loans", "not_json")
    telemetry.late(5)
    telemetry.flushed(0.2, 1_000)
    telemetry.transaction(0.3)
    telemetry.records_applied(6)
    telemetry.outputs_sent("events", 8)
    telemetry.checkpoint_written(0.01)
    telemetry.panes_lost(0, 5)
    return telemetry


def partitions(telemetry: Telemetry, kind: str | None = None) -> set[str]:
    return {
        sample.labels["partition"]
        for metric in telemetry.registry.collect()
        for sample in metric.samples
        if "partition" in sample.labels and kind in (None, sample.labels.get("topic_kind"))
        if not sample.name.startswith("driftline_panes_lost")
    }


def test_every_figure_is_scraped_over_http_with_its_value() -> None:
    telemetry = filled()
    with serving(telemetry) as (_, port):
        status, text = get(port, "/metrics")
    assert status == 200
    values = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for metric in text_string_to_metric_families(text)
        for sample in metric.samples
        if sample.name.startswith("driftline_") and not sample.name.endswith(("_bucket", "_sum"))
    }
    for expected in (
        {("driftline_input_records_total", "0", "predictions", "scores"): 10.0},
        {("driftline_consumer_lag_records", "1", "labels", "truth"): 7.0},
        {("driftline_pending_predictions", "1"): 3.0},
        {("driftline_pending_expired_entries_total", "1"): 20.0},
        {("driftline_pending_evicted_entries_total", "1"): 2.0},
        {("driftline_panes_position_offset", "0"): 99.0},
        {("driftline_panes_lost_records_total", "0"): 5.0},
        {("driftline_panes_stalled", "0"): 0.0, ("driftline_panes_stalled", "1"): 1.0},
        {("driftline_dead_letters_total", "loans", "not_json"): 3.0},
        {("driftline_late_records_total",): 5.0},
        {("driftline_flush_seconds_count",): 1.0},
        {("driftline_flushed_events_total",): 1000.0},
        {("driftline_transaction_seconds_count",): 1.0},
        {("driftline_checkpoint_seconds_count",): 1.0},
        {("driftline_records_applied_total",): 6.0},
        {("driftline_outputs_sent_total", "events"): 8.0},
        {("driftline_build_info", *sorted((__version__, platform.python_version(), description()))): 1.0},
    ):
        assert expected.items() <= values.items()
    assert values["driftline_watermark_delay_seconds", "0", "predictions", "scores"] >= 1.5
    assert "_created" not in text
    assert "process_cpu_seconds_total" in text
    assert "python_gc_collections_total" in text


def test_a_partition_that_was_taken_away_leaves_nothing_behind() -> None:
    telemetry = filled()
    telemetry.forget_partition("labels", Place("truth", 0), 0)
    assert partitions(telemetry, "labels") == {"1"}
    assert partitions(telemetry, "predictions") == {"0", "1"}
    telemetry.forget_partition("predictions", Place("other", 0), 7)
    assert partitions(telemetry, "predictions") == {"0", "1"}
    telemetry.forget_partition("predictions", Place("scores", 0), 0)
    telemetry.forget_panes(0)
    assert partitions(telemetry) == {"1"}
    telemetry.lag("predictions", Place("scores", 0), 1)
    assert partitions(telemetry, "predictions") == {"0", "1"}


def test_a_partition_of_the_pending_topic_takes_its_stores_figures_with_it() -> None:
    telemetry = Telemetry()
    telemetry.pending(3, 1)
    telemetry.expired(3, 1)
    telemetry.evicted(3, 1)
    telemetry.forget_partition("joins", Place("driftline.pending", 3), 3)
    assert partitions(telemetry) == set()


def test_probes_answer_with_their_reasons() -> None:
    reasons: dict[str, str | None] = {"live": None, "ready": "the state is being recovered"}

    def broken() -> str | None:
        raise ZeroDivisionError("oh")

    with serving(Telemetry()) as (server, port):
        assert get(port, "/healthz")[0] == get(port, "/readyz")[0] == 200
        server.add_health("consumer", lambda: reasons["live"])
        server.add_ready("recovery", lambda: reasons["ready"])
        assert get(port, "/healthz")[0] == 200
        status, text = get(port, "/readyz")
        assert status == 503
        assert json.loads(text)["reasons"] == {"recovery": "the state is being recovered"}
        reasons["ready"] = None
        assert get(port, "/readyz")[0] == 200
        server.add_health("broken", broken)
        status, text = get(port, "/healthz")
        assert status == 503
        assert "ZeroDivisionError: oh" in json.loads(text)["reasons"]["broken"]
        assert get(port, "/other")[0] == 404


def test_a_taken_port_is_a_configuration_error_and_a_closed_server_frees_its_port() -> None:
    with serving(Telemetry()) as (_, port):
        second = TelemetryServer(Telemetry(), TelemetrySettings(port=port))
        with pytest.raises(
            ConfigurationError, match=rf"127\.0\.0\.1:{port}' - at `\$\.telemetry\.port` .*--metrics-port"
        ):
            second.start()
        second.close()
    with serving(Telemetry(), port) as (_, same):
        assert get(same, "/metrics")[0] == 200


def test_a_watermark_that_stands_still_falls_behind() -> None:
    telemetry = Telemetry()
    telemetry.watermark_delay("predictions", Place("scores", 0), 1.5)

    def delay() -> float:
        name, labels = (
            "driftline_watermark_delay_seconds",
            {"topic_kind": "predictions", "topic": "scores", "partition": "0"},
        )
        return telemetry.registry.get_sample_value(name, labels) or 0.0

    first = delay()
    wait_until(lambda: delay() > first, 5.0, "the delay to grow")


def test_how_models_predict_is_shown_and_forgotten() -> None:
    telemetry = Telemetry()
    show = telemetry.models.operations.show
    first, second = ModelKey("loan", "1"), ModelKey("loan", "2")
    latency = MeasureSummary(n=10, mean=20.0, p50=18.0, p95=40.0, p99=50.0, maximum=60.0, n_unusable=0)
    cpu = MeasureSummary(n=10, mean=3.0, p50=2.0, p95=4.0, p99=5.0, maximum=6.0, n_unusable=0)
    shown = OperationsStatus(
        window="1h", per_second=12.5, failed_share=0.02, uptime_share=0.75, latency_ms=latency, measures={"cpu_ms": cpu}
    )
    show(first, shown, silent=False)
    show(second, None, silent=True)
    values = telemetry.registry.get_sample_value
    one, two = ({"model": "loan", "model_version": version} for version in ("1", "2"))
    hour = {**one, "window": "1h"}
    assert values("driftline_model_predictions_per_second", hour) == 12.5
    assert values("driftline_model_failed_ratio", hour) == 0.02
    assert values("driftline_model_uptime_ratio", hour) == 0.75
    assert values("driftline_model_latency_seconds", {**hour, "quantile": "0.99"}) == 0.05
    assert values("driftline_model_measure", {**hour, "name": "cpu_ms", "quantile": "0.5"}) == 2.0
    assert (values("driftline_model_silent", one), values("driftline_model_silent", two)) == (0, 1)
    show(first, structs.replace(shown, latency_ms=None, measures={}), silent=None)
    assert values("driftline_model_latency_seconds", {**hour, "quantile": "0.99"}) is None
    assert values("driftline_model_mean_measure", {**hour, "name": "cpu_ms"}) is None
    show(first, structs.replace(shown, window="5m"), silent=None)
    assert values("driftline_model_failed_ratio", hour) is None, "another size of windows replaces the first"
    show(first, None, silent=None)
    assert values("driftline_model_failed_ratio", {**one, "window": "5m"}) is None
    show(first, shown, silent=None)
    telemetry.forget_model(first)
    assert values("driftline_model_failed_ratio", hour) is None
    assert values("driftline_model_silent", two) == 1
