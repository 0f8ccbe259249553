"""Logs: one line an event, UTC, for people on a terminal and as JSON otherwise, other libraries' logs too."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final, TextIO

import structlog

from driftline.runtime.operations.repeated_lines import RepeatedLines

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

    from driftline.config.settings import TelemetrySettings

_CHATTY: Final = (
    "aiokafka",
    "faust",
    "mode",
    "asyncio",
    "driftline.kafka",
    "driftline.runtime.detect.faust_table",
    "driftline.runtime.detect.faust_transport",
)
"""Loggers of other libraries: their debugging and information lines, and what they repeat, are shown when debugging."""


def configure_logs(settings: TelemetrySettings, stream: TextIO | None = None) -> None:
    """Send every log of this process, structlog's and the standard library's, to one stream in one form.

    The stream is standard error by default; the format ``auto`` is ``console`` on a terminal and ``json`` elsewhere.
    """
    stream = sys.stderr if stream is None else stream
    terminal = stream.isatty()
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not terminal)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _one_line,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderer(as_json, terminal)],
        )
    )
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    if level > logging.DEBUG:
        handler.addFilter(RepeatedLines(_CHATTY))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(level if level <= logging.DEBUG else max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger whose methods take an event and fields: ``log.info("flushed", events=10)``."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _renderer(as_json: bool, terminal: bool) -> list[Processor]:  # noqa: FBT001  # private, both are named at the call
    if as_json:
        return [structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer(default=str)]
    return [structlog.dev.ConsoleRenderer(colors=terminal, pad_event_to=0)]


def _one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep each event on one line, tracebacks too, so that a line can be counted, searched and shipped."""
    for key in ("event", "exception", "stack"):
        if isinstance(event.get(key), str):
            event[key] = event[key].replace("\r", "").replace("\n", "\\n")
    return event
