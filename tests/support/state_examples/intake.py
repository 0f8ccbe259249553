"""The example of what input topics keep: refused records, and labels that meet no prediction."""

from __future__ import annotations

from typing import Any

from driftline.checks.contract.error_budget import ErrorBudget
from driftline.events.source import LABEL_STREAM, SEGMENT_ALL, Source
from driftline.monitoring.intake.intake_monitor import IntakeMonitor
from driftline.monitoring.intake.match_monitor import MatchMonitor
from driftline.monitoring.intake.refused_monitor import RefusedMonitor
from driftline.monitoring.model_setup import WatermarkReach
from driftline.panes.flush_record import JoinDelta
from driftline.panes.intake_record import FirstRefused, IntakeMark, IntakeSpan, SeenId
from tests.support.arrival import arrival_settings
from tests.support.state_examples.example import Example, numbered

INTAKE_SETTINGS = arrival_settings()


def _intake() -> IntakeMonitor:
    return IntakeMonitor(INTAKE_SETTINGS, ErrorBudget.of(INTAKE_SETTINGS, ""))


def _refuse(part: IntakeMonitor, i: int) -> object:
    """Let a topic's records be refused now and then, and labels meet nothing; one record comes for a closed window."""
    size_ms = int(INTAKE_SETTINGS.intake.window)
    start_ms = (i - 3 if i == 9 else i) * size_ms
    refused = {"not_json": 60 + i} if i % 5 == 0 else {}
    first = FirstRefused(10 * i, f"no JSON {i}") if refused else None
    span = IntakeSpan(start_ms, 200, refused, (10 * i, 10 * i + 9), first)
    sources = (Source("predictions", 0), Source("labels", 0))
    seen = SeenId(0, 0, "p-1") if i == 0 else None
    told = part.take([IntakeMark(source, 1, start_ms, idle=False, spans=[span], seen=seen) for source in sources])
    counts = (100, 10, 400) if i % 4 else (100, 500, 0)
    delta = JoinDelta(LABEL_STREAM, SEGMENT_ALL, i * size_ms, "", {"labels": {0: (i, i)}}, [], (0, 0, 0), counts)
    part.add_labels(delta, is_open=i != 6)
    return [*told, *part.advance(WatermarkReach(i * size_ms, i * size_ms))]


EXAMPLES: list[Example[Any]] = [
    Example(
        {IntakeMonitor, RefusedMonitor, MatchMonitor}, lambda _: _intake(), [numbered(_refuse, i) for i in range(16)]
    ),
]
