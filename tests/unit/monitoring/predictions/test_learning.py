"""What a backtest without a reference says of how far it came, and which events are left out of a learnt one."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import msgspec
import pytest

from driftline.config.durations import Duration
from driftline.config.input_settings import PredictionFields, PredictionInput
from driftline.config.model import BootstrapSettings, ModelSettings, WindowSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.events.cloudevents import WINDOW
from driftline.events.model_key import ModelKey
from driftline.monitoring.predictions import open_panes
from driftline.profiles.profiles import Profiles
from driftline.runtime.files.backtest import Backtest
from driftline.sketching.pane_counter import ROWS_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.events.output_record import OutputRecord

START_MS = 1_767_571_200_000
KEY = ModelKey("loan", "")
MINUTE = Duration(60_000)
SETTINGS = Settings(
    time=TimeSettings(pane=Duration(10_000), lateness=Duration(5_000)),
    defaults=ModelSettings(
        bootstrap=BootstrapSettings(sample=200, events=500),
        windows=WindowSettings(verdict=(MINUTE,), display=MINUTE, hop=MINUTE, min_samples=200),
    ),
)


def ran(
    folder: Path, n: int, settings: Settings = SETTINGS, padding: int = 0, *, flat: bool = False
) -> tuple[Backtest, Profiles, list[OutputRecord]]:
    """Run n events, ten a second; every tenth is ``padding`` bytes longer."""
    rng, lines = random.Random(3), []
    for i in range(n):
        event = {"prediction_id": f"p{i}", "model": "loan", "ts": START_MS + 100 * i, "prediction": i % 2}
        features = {"x": rng.gauss(0, 1), "c": "ab"[i % 2]} | (
            {"text": "t" * padding} if padding and not i % 10 else {}
        )
        lines.append(json.dumps({**event, **(features if flat else {"features": features})}))
    path, book = folder / "predictions.ndjson", Profiles()
    outputs: list[OutputRecord] = []
    path.write_text("\n".join(lines), encoding="utf-8")
    run = Backtest(settings, book, 1)
    run.run(path, None, outputs.append)
    return run, book, outputs


@pytest.mark.parametrize(
    ("n", "phase", "n_learnt", "n_waiting"),
    [(50, "sample", 0, 50), (250, "sample", 100, 150), (500, "reference", 400, 100)],
)
def test_a_file_that_is_too_small_says_how_far_it_came(
    tmp_path: Path, n: int, phase: str, n_learnt: int, n_waiting: int
) -> None:
    run, _, outputs = ran(tmp_path, n)
    learning = run.learning[KEY]
    assert [*run.learning] == [KEY]
    assert (learning.phase, learning.n_learnt, learning.n_wanted) == (phase, n_learnt, 700)
    assert (learning.n_waiting, learning.error) == (n_waiting, None)
    expected_ms = learning.expected_ms()
    assert expected_ms == (None if n_learnt == 0 else START_MS + 70_000), "ten events a second"
    assert [output for output in outputs if output.channel != "references"] == []


def test_a_model_that_has_learnt_is_not_named(tmp_path: Path) -> None:
    run, book, _ = ran(tmp_path, 1_000)
    assert run.learning == {}
    assert [profile.n_events for profile in book.all()] == [0, 500]


def test_where_learning_is_off_that_is_said(tmp_path: Path) -> None:
    off = SETTINGS.defaults.replace(bootstrap=BootstrapSettings(enabled=False))
    run, _, _ = ran(tmp_path, 300, msgspec.structs.replace(SETTINGS, defaults=off))
    assert run.learning[KEY].phase == "off"
    assert run.learning[KEY].expected_ms() is None


def test_a_sample_that_makes_no_profile_is_said(tmp_path: Path) -> None:
    binary = SETTINGS.defaults.replace(task="binary", positive_class="2")
    path = tmp_path / "predictions.ndjson"
    events = ({"prediction_id": i, "model": "loan", "ts": START_MS + 100 * i, "prediction": i % 3} for i in range(400))
    path.write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
    run = Backtest(msgspec.structs.replace(SETTINGS, defaults=binary), Profiles(), 1)
    run.run(path, None, lambda _: None)
    assert "at most two classes" in (run.learning[KEY].error or "")


def test_fields_beside_the_features_are_no_columns_where_the_record_is_the_features_object(tmp_path: Path) -> None:
    flat = PredictionInput(fields=PredictionFields(features=""))
    run, book, _ = ran(tmp_path, 1_500, msgspec.structs.replace(SETTINGS, predictions=flat), flat=True)
    assert run.learning == {}
    assert {column.name for column in book.all()[0].columns} == {"x", "c", "prediction"}


def windows(outputs: list[OutputRecord]) -> list[dict[str, object]]:
    return [json.loads(o.value or b"null") for o in outputs if dict(o.headers).get("ce_type") == WINDOW.encode()]


def test_events_too_large_for_a_record_are_left_out_and_counted_until_the_profile_is_known(tmp_path: Path) -> None:
    run, book, outputs = ran(tmp_path, 2_000, padding=ROWS_BYTES)
    sample = 200
    (status,) = (monitor.status().models[KEY] for monitor in run._stages.monitors if KEY in monitor.status().models)
    grid, reference = book.all()
    assert status.n_unprofiled == (status_closed(run) - sample) // 10, "all in one batch, so no profile was known"
    assert "text" not in {column.name for column in grid.columns}
    assert reference.n_events >= 500
    assert all(set(window["flags"]) >= {"unprofiled"} for window in windows(outputs))  # type: ignore[call-overload]


def status_closed(run: Backtest) -> int:
    """Return how many events lie in closed panes."""
    closed_ms = max(mark for monitor in run._stages.monitors if (mark := monitor.status().predictions_ms) is not None)
    return (closed_ms - closed_ms % 10_000 - START_MS) // 100


def test_more_events_of_a_pane_than_are_kept_are_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_panes, "MAX_ROWS", 90)
    run, book, outputs = ran(tmp_path, 2_000)
    (status,) = (monitor.status().models[KEY] for monitor in run._stages.monitors if KEY in monitor.status().models)
    assert status.n_unprofiled == (status_closed(run) - 200) // 10
    assert book.all()[-1].n_events % 90 == 0
    assert {flag for window in windows(outputs) for flag in window["flags"]} == {"bootstrap", "unprofiled"}  # type: ignore[attr-defined]
