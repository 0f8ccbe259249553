from __future__ import annotations

import io
import json
import logging

from driftline.config.settings import TelemetrySettings
from driftline.runtime.operations.logs import configure_logs
from driftline.runtime.operations.repeated_lines import INTERVAL_S, RepeatedLines

LIBRDKAFKA = "%s [%s] %s"


class Said:
    """What passes the filter, at a time that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.filter = RepeatedLines({"aiokafka", "driftline.kafka"}, clock=lambda: self.now_s)

    def say(self, name: str, message: str, *arguments: object) -> int | None:
        """Return how many lines of its kind were left out before one that passes, None for one that does not."""
        record = logging.LogRecord(name, logging.ERROR, "", 0, message, arguments, None)
        return getattr(record, "left_out", 0) if self.filter.filter(record) else None


def test_one_line_of_a_kind_passes_in_an_interval_and_the_next_says_how_many_did_not() -> None:
    said = Said()
    answers = []
    for tenth in range(int(INTERVAL_S * 10) + 1):
        said.now_s = tenth / 10
        answers.append(said.say("aiokafka.conn", "Unable to connect to %s", f"broker-{tenth}"))
    assert answers == [0, *[None] * 99, 99]
    said.now_s += INTERVAL_S
    assert said.say("aiokafka.conn", "Unable to connect to %s", "broker") == 0


def test_kinds_are_told_apart_by_logger_and_template_but_not_by_numbers() -> None:
    said = Said()
    assert said.say("aiokafka.conn", "Unable to connect to %s", "a") == 0
    assert said.say("aiokafka.client", "Unable to connect to %s", "a") == 0
    assert said.say("aiokafka.conn", "Heartbeat failed") == 0
    assert said.say("aiokafka.conn", "request 17 timed out") == 0
    assert said.say("aiokafka.conn", "request 18 timed out") is None


def test_librdkafkas_kinds_are_its_facilities() -> None:
    said = Said()
    assert said.say("driftline.kafka", LIBRDKAFKA, "FAIL", "consumer-1", "refused") == 0
    assert said.say("driftline.kafka", LIBRDKAFKA, "FAIL", "producer-2", "refused") is None
    assert said.say("driftline.kafka", LIBRDKAFKA, "FATAL", "producer-2", "fenced") == 0


def test_lines_of_others_always_pass() -> None:
    said = Said()
    for name in ("driftline.sketch", "aiokafkaesque", "driftline"):
        assert [said.say(name, "again") for _ in range(3)] == [0, 0, 0]


def test_the_logs_of_a_process_leave_repeated_lines_out_unless_it_debugs(logging_as_before: None) -> None:  # noqa: ARG001 - restores
    for settings, shown in ((TelemetrySettings(log_level="info"), 1), (TelemetrySettings(log_level="debug"), 3)):
        stream = io.StringIO()
        configure_logs(settings, stream)
        for _ in range(3):
            logging.getLogger("aiokafka.conn").error("Unable to connect to %s", "broker")
        assert len(stream.getvalue().splitlines()) == shown


def test_the_number_left_out_is_a_field_of_the_line(logging_as_before: None) -> None:  # noqa: ARG001 - restores
    stream = io.StringIO()
    configure_logs(TelemetrySettings(log_format="json"), stream)
    logging.getLogger("aiokafka").error("refused", extra={"left_out": 7})
    assert json.loads(stream.getvalue())["left_out"] == 7
