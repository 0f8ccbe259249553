"""Models that are silent: by event time where other models go on, and by the clock where nothing comes at all."""

from __future__ import annotations

from msgspec.structs import replace

from driftline.config.durations import Duration
from driftline.events.model_key import ModelKey
from tests.support.commands import batch
from tests.support.operations import LATENESS_MS, MINUTE_MS, START_MS, Pipeline, event, settings_of

LIMIT = Duration(2 * MINUTE_MS)
KEY = ModelKey("loan", "1")


def minutes(first: int, last: int, *, model: str = "loan", version: str = "1") -> list[bytes]:
    """Return an event every ten seconds, from one minute to another."""
    times = range(first * MINUTE_MS, last * MINUTE_MS, 10_000)
    return [event(START_MS + at, at, model=model, version=version) for at in times]


def alerts(pipeline: Pipeline) -> list[tuple[str, str, str, list[str]]]:
    """Return the alerts of all models but that which only moves event time on."""
    said = [each for each in pipeline.said("alert") if each["model"] != "clock"]
    return [(each["model"], each["state"], each["updated_at"][11:19], each["flags"]) for each in said]


def test_other_models_move_event_time_on() -> None:
    pipeline = Pipeline(settings_of(silence=LIMIT))
    pipeline.read(0, [*minutes(0, 3), *minutes(3, 5, model="other")])
    pipeline.flush()
    assert alerts(pipeline) == [], "the watermark has not passed 12:05"
    pipeline.read(0, minutes(5, 6, model="other"))
    pipeline.flush()
    assert alerts(pipeline) == [("loan", "open", "12:05:00", [])]
    pipeline.read(0, minutes(6, 30, model="other"))
    pipeline.flush()
    assert len(alerts(pipeline)) == 1, "it is told once"
    pipeline.read(0, [*minutes(30, 31), *minutes(31, 32, model="other")])
    pipeline.flush()
    assert alerts(pipeline)[1] == ("loan", "resolved", "12:30:10", [])


def test_a_whole_topic_is_silent_by_the_clock() -> None:
    pipeline = Pipeline(settings_of(silence=LIMIT), n_partitions=2)
    pipeline.read(0, minutes(0, 3))
    pipeline.read(1, minutes(0, 1))
    pipeline.flush()
    pipeline.idle(0)
    assert alerts(pipeline) == [], "all partitions are idle, but not for as long"
    pipeline.idle(int(LIMIT))
    assert alerts(pipeline) == [("loan", "open", "12:05:00", ["idle"])]
    pipeline.idle(10 * int(LIMIT))
    assert len(alerts(pipeline)) == 1
    pipeline.restart()
    pipeline.idle(11 * int(LIMIT))
    assert len(alerts(pipeline)) == 1, "a checkpoint remembers that it was told"
    assert pipeline.monitor.status().models[KEY].silent is True
    assert [alert.cause for alert in pipeline.monitor.status().models[KEY].open_alerts] == ["silence"]


def test_one_partition_that_goes_on_is_no_silence_of_the_topic() -> None:
    pipeline = Pipeline(settings_of(silence=LIMIT), n_partitions=2)
    pipeline.read(0, minutes(0, 3))
    pipeline.read(1, minutes(0, 3))
    pipeline.idle(int(LIMIT))
    assert len(alerts(pipeline)) == 1
    other = Pipeline(settings_of(silence=LIMIT), n_partitions=2)
    other.read(0, minutes(0, 3))
    other.read(1, minutes(0, 3))
    other.idle(0)
    from_one = other.sketcher
    from_one.mark_idle(next(iter(from_one.watermarks_ms())), idle=False)
    other.flush()
    assert alerts(other) == []


def test_what_the_clock_has_told_is_not_told_again_by_event_time() -> None:
    pipeline = Pipeline(settings_of(silence=LIMIT))
    pipeline.read(0, minutes(0, 3))
    pipeline.idle(int(LIMIT))
    pipeline.read(0, [*minutes(20, 22), event(START_MS + 23 * MINUTE_MS + LATENESS_MS, 1, model="clock")])
    pipeline.flush()
    assert alerts(pipeline) == [("loan", "open", "12:05:00", ["idle"]), ("loan", "resolved", "12:20:10", [])]
    assert pipeline.monitor.status().models[KEY].silent is False


def test_a_new_version_takes_over_without_an_alert() -> None:
    pipeline = Pipeline(settings_of(silence=LIMIT))
    pipeline.read(0, [*minutes(0, 3), *minutes(3, 20, version="2")])
    pipeline.read(0, minutes(20, 30, model="other"))
    pipeline.flush()
    (found,) = pipeline.said("alert")
    assert (found["model_version"], found["updated_at"][11:16]) == ("2", "12:22")


def test_a_model_without_a_limit_is_never_silent() -> None:
    settings = settings_of()
    limited = settings.defaults.replace(operations=replace(settings.defaults.operations, silence=LIMIT))
    pipeline = Pipeline(replace(settings, models={"other": limited}))
    pipeline.read(0, [*minutes(0, 3), *minutes(3, 9, model="other"), *minutes(9, 30, model="third")])
    pipeline.flush()
    assert [(model, state) for model, state, _, _ in alerts(pipeline)] == [("other", "open")]
    assert Pipeline(settings).monitor._silence is None


def test_events_that_come_late_within_the_lateness_are_no_gap() -> None:
    pipeline = Pipeline(settings_of(silence=Duration(30_000)))
    events = [*minutes(0, 2), *minutes(3, 4)]
    late = [event(START_MS + 2 * MINUTE_MS + at, at) for at in range(0, MINUTE_MS, 10_000)]
    pipeline.read(0, [*events[:12], event(START_MS + 2 * MINUTE_MS + 14_000, -1, model="clock"), *late, *events[12:]])
    pipeline.flush()
    assert alerts(pipeline) == []


def test_records_that_come_before_anybody_says_that_the_partition_is_awake_are_no_silence() -> None:
    pipeline = Pipeline(settings_of(silence=LIMIT))
    pipeline.read(0, minutes(0, 3))
    pipeline.idle(int(LIMIT))
    pipeline.read(0, minutes(20, 22), wakes=False)
    pipeline.flush()
    assert [(state, at) for _, state, at, _ in alerts(pipeline)] == [("open", "12:05:00")]


def command(pipeline: Pipeline, stamp_ms: int, **said: object) -> None:
    """Read a command from the control topic."""
    number = pipeline.n_commands
    pipeline.n_commands += 1
    pipeline.sketcher.add(batch({"by": "ann", **said}, offset=number, stamp_ms=stamp_ms))
    pipeline.flush()


def test_silence_is_counted_from_the_end_of_a_maintenance() -> None:
    pipeline = Pipeline(settings_of(silence=LIMIT))
    command(
        pipeline,
        START_MS,
        command="maintenance",
        start=START_MS + MINUTE_MS,
        until=START_MS + 20 * MINUTE_MS,
        model="loan",
    )
    pipeline.read(0, [*minutes(0, 3), *minutes(3, 22, model="other")])
    pipeline.flush()
    assert alerts(pipeline) == []
    pipeline.read(0, minutes(22, 23, model="other"))
    pipeline.flush()
    assert alerts(pipeline) == [("loan", "open", "12:22:00", [])], "two minutes after it"


def test_an_alert_of_a_silent_topic_is_acknowledged_though_event_time_stands_still() -> None:
    pipeline = Pipeline(settings_of(silence=LIMIT))
    pipeline.read(0, minutes(0, 3))
    pipeline.flush()
    pipeline.idle(int(LIMIT))
    ((name, state, _, _),) = alerts(pipeline)
    assert (name, state) == ("loan", "open")
    (alert,) = pipeline.said("alert")
    command(pipeline, START_MS + 30 * MINUTE_MS, command="acknowledge", model="loan", alert=alert["alert_id"])
    (answered,) = pipeline.said("control")
    assert (answered["status"], answered["flags"]) == ("accepted", ["idle"])
    acknowledged = max(pipeline.said("alert"), key=lambda each: each["revision"])
    assert acknowledged["acknowledged"]["by"] == "ann"
    pipeline.restart()
    pipeline.idle(2 * int(LIMIT))
    assert len(pipeline.said("control")) == 1, "it is done with"
    command(pipeline, START_MS + 31 * MINUTE_MS, command="acknowledge", model="loan", alert="none")
    assert [each["status"] for each in pipeline.said("control")] == ["accepted", "refused"]
