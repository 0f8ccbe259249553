"""The benchmark of the time to an alert: its events and its arithmetic are what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.time_to_alert import page
from benchmarks.time_to_alert.listener import Alert, Flush, Listener
from benchmarks.time_to_alert.population import NUMBERS, SEASONAL, deviations, profiles, reference
from benchmarks.time_to_alert.reactions import PARTS, outcome
from benchmarks.time_to_alert.run import Done, Plan, run, sections
from benchmarks.time_to_alert.schedule import WARM_UP, WATCHED, Life, ends_s, schedule
from benchmarks.time_to_alert.sender import N_PARTITIONS, Onset, Sender, Sent
from driftline.config.load import load_settings
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source, Watermark
from driftline.panes.flush_record import VERSION, FlushRecord, encode
from driftline.profiles.profiles import Profiles
from driftline.runtime.in_process import InProcessStages

if TYPE_CHECKING:
    from driftline.events.output_record import OutputRecord

START_S = 1_772_409_600.0
PLAN = Plan(n_models=2, at_once=1, rate=500.0, pane="10s", lateness="5s")


def life(feature: str = "income", *, model: str = "orders-000", onset_s: float = 64.0) -> Life:
    return Life(model, feature, up=True, start_s=0.0, onset_s=onset_s, end_s=onset_s + 20)


def sent(lives: list[Life], rate: float, step_s: float = 1.0) -> tuple[list[tuple[int, dict[str, Any], bytes]], Sent]:
    """Return the partition, the event and the bytes of each record, and what the sender says of them."""
    made: list[tuple[int, dict[str, Any], bytes]] = []
    now_s = [START_S]
    sender = Sender(
        lives,
        START_S,
        rate,
        lambda _name, value, partition: made.append((partition, json.loads(value), value)),
        clock=lambda: now_s[0],
    )
    while sender.passed_s < ends_s(lives):
        now_s[0] += step_s
        sender.tick(now_s[0] - START_S)
    return made, sender.sent()


def test_models_come_one_after_another_and_change_at_any_moment_of_a_pane() -> None:
    lives = schedule(np.random.default_rng(1), 120, 12, 10.0)
    assert lives == schedule(np.random.default_rng(1), 120, 12, 10.0)
    assert len({each.model for each in lives}) == 120
    assert {each.feature for each in lives} == set(NUMBERS)
    for moment_s in np.arange(0, ends_s(lives), 7.0):
        assert sum(each.start_s <= moment_s < each.end_s for each in lives) <= 12
    for each in lives:
        assert WARM_UP[0] * 10 <= each.onset_s - each.start_s <= WARM_UP[1] * 10
        assert each.end_s == each.onset_s + WATCHED * 10
    in_pane = np.histogram([each.onset_s % 10 for each in lives], bins=5, range=(0, 10))[0]
    assert in_pane.min() > 10


def test_one_feature_of_a_model_moves_by_one_standard_deviation_and_no_other() -> None:
    changed, other = life("income"), life("age", model="orders-001", onset_s=1e9)._replace(end_s=84.0)
    made, told = sent([changed, other], rate=200.0)
    assert told.n_events == len(made) == pytest.approx(2 * 200 * 84, rel=0.05)
    assert {partition for partition, _, _ in made} == {*range(N_PARTITIONS)}
    events = [event for _, event, _ in made]
    assert sorted(event["ts"] for event in events) == [event["ts"] for event in events]
    onset_ms = (START_S + changed.onset_s) * 1000
    (onset,) = told.onsets
    assert onset.life == changed
    assert 0 <= onset.event_ms - onset_ms < 100
    assert 0 <= onset.sent_s * 1000 - onset.event_ms <= told.latest_s * 1000 <= 1_000
    for name in NUMBERS:
        values = {
            (model, after): np.mean(
                [e["features"][name] for e in events if e["model"] == model and after == (e["ts"] >= onset_ms)]
            )
            for model in ("orders-000", "orders-001")
            for after in (False, True)
        }
        moved = (values["orders-000", True] - values["orders-000", False]) / deviations()[name]
        assert moved == pytest.approx(1.0 if name == "income" else 0.0, abs=0.12)
        assert values["orders-001", True] == pytest.approx(values["orders-001", False], abs=0.12 * deviations()[name])


def test_both_stages_alert_a_shifted_feature_by_the_pane_after_its_onset() -> None:
    lives = [life("rating")]
    made, told = sent(lives, rate=500.0)
    settings = load_settings(
        None, {}, {"time.lateness": "5s", "defaults.task": "binary", "defaults.positive_class": "1"}
    )
    published = profiles(reference(round(START_S * 1000), 10_000, per_hour=50), [each.model for each in lives])
    stages = InProcessStages(settings, settings, Profiles(published), {"predictions": 1}, "time-to-alert")
    stages.start()
    outputs: list[OutputRecord] = []
    try:
        for first in range(0, len(made), 500):
            part = made[first : first + 500]
            offsets, times = [*range(first, first + len(part))], [event["ts"] for _, event, _ in part]
            values: list[bytes | None] = [value for _, _, value in part]
            stages.sketcher.add(RecordBatch(Source("predictions", 0), "predictions", values, offsets, times))
            flush = stages.flush()
            outputs += [each for _, made_of in stages.apply(flush) for each in made_of] if flush is not None else []
    finally:
        stages.close()
    alerts = [json.loads(each.value) for each in outputs if each.channel == "alerts" and each.value is not None]
    assert alerts
    assert alerts[0]["notify"]
    assert "rating" in {finding["column"] for finding in alerts[0]["findings"]}
    (onset,) = told.onsets
    assert alerts[0]["window"]["end"] in {"2026-03-02T00:01:10.000Z", "2026-03-02T00:01:20.000Z"}
    assert onset.event_ms // 10_000 == round(START_S * 1000) // 10_000 + 6


def flush_at(end_ms: int) -> Flush:
    return Flush(end_ms, end_ms / 1000 + 5.5, end_ms / 1000 + 5.6)


def alert(model: str, end_s: float, *columns: str) -> Alert:
    return Alert(model, "a title", frozenset(columns), round(end_s * 1000), end_s + 5.7, end_s + 5.8)


def test_the_first_alert_that_names_the_feature_counts_and_its_parts_add_up() -> None:
    onset = Onset(life("income"), 1_000_004_000, 1_000_004.01)
    alerts = [
        alert("orders-000", 1_000_000.0, "rating"),
        alert("orders-000", 1_000_010.0, "score"),
        alert("orders-000", 1_000_020.0, "score", "income"),
        alert("orders-000", 1_000_030.0, "income"),
        alert("orders-001", 1_000_010.0, "income"),
    ]
    alerts[0] = alerts[0]._replace(seen_s=1_000_003.0)
    found = outcome([onset], alerts, flush_at, 10_000, 5_000)
    (reaction,) = found.reactions
    assert reaction.alert == alerts[2]
    assert reaction.panes == 2
    assert reaction.seconds == pytest.approx(21.79)
    assert len(reaction.parts_s) == len(PARTS)
    assert reaction.parts_s == pytest.approx((15.99, 5.0, 0.5, 0.1, 0.1, 0.1))
    assert sum(reaction.parts_s) == pytest.approx(reaction.seconds)
    assert found.missing == []
    assert found.early == [alerts[0], alerts[4]]  # no change of that model was sent


def test_a_change_that_no_alert_names_is_missing() -> None:
    onset = Onset(life("income"), 1_000_004_000, 1_000_004.01)
    found = outcome([onset], [alert("orders-000", 1_000_010.0, "score")], flush_at, 10_000, 5_000)
    assert found.missing == [onset]
    assert found.reactions == []


def test_a_pane_is_closed_by_the_first_flush_whose_watermark_has_passed_it() -> None:
    listener = Listener("127.0.0.1:9", load_settings(None, {}))
    for number, times in enumerate([(9_000, None), (9_500, 10_500), (12_000, 11_000), (21_000, 22_000)]):
        marks = [Watermark(Source("predictions", place), 2, time, idle=False) for place, time in enumerate(times)]
        listener.take_flush(encode(FlushRecord(VERSION, [], [], marks)), number, number + 0.5)
    assert listener.flushes == [Flush(9_500, 1, 1.5), Flush(11_000, 2, 2.5), Flush(21_000, 3, 3.5)]
    assert [listener.closing(end_ms).written_s for end_ms in (9_500, 10_000, 11_000, 20_000)] == [1, 2, 2, 3]


def test_alerts_that_notify_are_read_as_they_stand_on_the_topic() -> None:
    path = Path(__file__).parents[3] / "schemas" / "examples" / "alert.json"
    listener = Listener("127.0.0.1:9", load_settings(None, {}))
    examples = json.loads(path.read_text(encoding="utf-8"))
    for example in examples:
        listener.take_alert(json.dumps(example["data"]).encode(), 1.0, 2.0)
    assert len(listener.alerts) == sum(example["data"]["notify"] for example in examples) > 0
    first = listener.alerts[0]
    assert (first.model, first.title) == ("credit-risk", examples[0]["data"]["title"])
    assert {"income", "channel", "score", "prediction"} == first.columns
    assert first.end_ms == 1_772_370_000_000


def done() -> Done:
    onsets = [
        Onset(life(SEASONAL[0], model="orders-000"), 1_000_004_000, 1_000_004.0),
        Onset(life("income", model="orders-001"), 1_000_004_000, 1_000_004.0),
    ]
    alerts = [alert("orders-000", 1_000_020.0, SEASONAL[0]), alert("orders-001", 1_000_010.0, "income")]
    found = outcome(onsets, alerts, flush_at, 10_000, 5_000)
    return Done(PLAN, found, Sent(onsets, 84_000, 170.0, 0.031), {"sketch": 0.05, "detect": 0.021}, (0.4, 0.6))


def test_the_page_shows_times_and_parts_and_panes() -> None:
    lines = page.lines(done())
    assert "Of 2 changes 2 were alerted, 0 were not; 0 alerts came without a change." in lines
    assert "| **from the first shifted event to the alert** | 16.80 | 11.80 | 21.80 | 21.80 | 21.80 |" in lines
    assert "| wait for late events (`time.lateness`) | 5.00 | 5.00 | 5.00 | 5.00 | 5.00 |" in lines
    assert "| without a season | 1 | 11.80 | 1 | 0 |" in lines
    assert "| with a daily season | 1 | 21.80 | 0 | 1 |" in lines


def test_a_section_is_written_between_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", path)
    page.write(["new"])
    assert path.read_text(encoding="utf-8") == f"before\n{page.BEGIN}\n\nnew\n\n{page.END}\nafter\n"


def test_the_page_has_the_marks() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert text.count(page.BEGIN) == text.count(page.END) == 1


def test_the_workers_have_the_panes_and_the_lateness_of_the_plan(tmp_path: Path) -> None:
    config = tmp_path / "driftline.yaml"
    config.write_text(json.dumps(sections("127.0.0.1:9", PLAN, "a-name", tmp_path)), encoding="utf-8")
    settings = load_settings(config, {})
    assert (int(settings.time.pane), int(settings.time.lateness)) == (10_000, 5_000)
    assert settings.labels is None
    assert settings.defaults.checks.sequential


@pytest.mark.real_broker
@pytest.mark.slow
def test_real_workers_alert_a_change_while_it_goes_on(real_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    plan = Plan(n_models=2, at_once=2, rate=500.0, pane="1s", lateness="1s")
    came = run(real_broker, plan, topic_prefix, tmp_path, per_hour=50)
    assert (came.outcome.missing, came.outcome.early) == ([], [])
    assert {each.alert.model for each in came.outcome.reactions} == {"orders-000", "orders-001"}
    for each in came.outcome.reactions:
        assert each.parts_s[1] == 1.0
        assert each.parts_s[2] > -0.01  # times of records are whole milliseconds
        assert sum(each.parts_s) == pytest.approx(each.seconds, abs=1e-6)
    assert page.lines(came)
