from __future__ import annotations

import pytest

from driftline.alerts.comparison import Span
from driftline.cli import main
from driftline.cli.exit_codes import ExitCode
from driftline.config.durations import Duration
from driftline.config.model import ModelSettings, WindowSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.runtime.replay.replay import first_record_ms

HOUR, DAY = 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--from", "2026-03-02T00:00:00Z", "--to", "2026-03-01T00:00:00Z"), "Expected a time after --from"),
        (("--from", "2026-03-01T00:00:00Z", "--to", "2026-03-01T01:00:00+01:00"), "Expected a time after --from"),
        (("--from", "yesterday"), "Expected RFC 3339 with an offset"),
        (("--from", "2026-03-01T00:00:00"), "Expected RFC 3339 with an offset"),
        (("--from", "beginning", "--warm-up", "long"), "Expected a duration such as `10s`"),
        ((), "Missing option '--from'"),
    ],
)
def test_times_that_make_no_span_are_a_wrong_command_line(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["replay", "--brokers", "localhost:1", *options])
    assert left.value.code == ExitCode.CONFIGURATION
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_warm_up_begins_with_records_of_which_the_first_windows_are_whole() -> None:
    hour, day = Duration(HOUR), Duration(DAY)
    large = ModelSettings(windows=WindowSettings(verdict=(hour, day), performance=hour))
    time = TimeSettings(lateness=Duration(2_000), max_future=Duration(3_000))
    small = WindowSettings(verdict=(hour,), performance=hour)
    settings = Settings(time=time, defaults=ModelSettings(windows=small), models={"a": large})
    span = Span(100 * DAY, 101 * DAY)
    assert first_record_ms(settings, span, HOUR) == 99 * DAY - HOUR - 5_000
    assert first_record_ms(settings, Span(HOUR, DAY), HOUR) == 0
