from __future__ import annotations

import io
import json
import logging
import warnings
from datetime import datetime, timedelta

import pytest

from driftline.config.settings import TelemetrySettings
from driftline.runtime.operations.logs import configure_logs, get_logger

pytestmark = pytest.mark.usefixtures("logging_as_before")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_every_log_is_one_line_of_json_in_utc() -> None:
    stream = io.StringIO()
    configure_logs(TelemetrySettings(), stream)
    get_logger("driftline.sketch").info("flushed", events=10)
    logging.getLogger("aiokafka").warning("group %s\nrebalanced", "g")
    try:
        int("oh\nno")
    except ValueError:
        get_logger("driftline.detect").exception("failed")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["message"], line["level"], line["logger"]) for line in lines] == [
        ("flushed", "info", "driftline.sketch"),
        ("group g\\nrebalanced", "warning", "aiokafka"),
        ("failed", "error", "driftline.detect"),
    ]
    assert lines[0]["events"] == 10
    assert "ValueError: invalid literal" in lines[2]["exception"]
    assert all(datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta(0) for line in lines)


def test_colours_are_for_terminals_only() -> None:
    for stream, coloured in ((Terminal(), True), (io.StringIO(), False)):
        configure_logs(TelemetrySettings(log_format="console"), stream)
        get_logger("driftline").info("flushed", events=10)
        assert ("\x1b[" in stream.getvalue()) is coloured
        assert stream.getvalue().count("\n") == 1


def test_levels_hold_and_chatty_libraries_are_kept_down() -> None:
    stream = io.StringIO()
    configure_logs(TelemetrySettings(log_level="info"), stream)
    get_logger("driftline").debug("hidden")
    logging.getLogger("aiokafka.consumer").info("hidden")
    assert stream.getvalue() == ""
    configure_logs(TelemetrySettings(log_level="debug"), stream)
    logging.getLogger("aiokafka.consumer").info("shown")
    assert stream.getvalue().count("\n") == 1


def test_warnings_are_logged() -> None:
    stream = io.StringIO()
    configure_logs(TelemetrySettings(), stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", UserWarning, stacklevel=1)
    assert "careful" in json.loads(stream.getvalue())["message"]
