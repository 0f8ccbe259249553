"""From files to findings: what features look like in a reference and in events, and what is said of them."""

from __future__ import annotations

import json
import os
import random
from typing import TYPE_CHECKING, Any

import pytest

from driftline.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START_MS = 1_772_366_400_000
CONFIG = """
time: {pane: 1m, lateness: 1m}
defaults:
  windows: {verdict: [1h], performance: 1h, display: 1h, hop: 30m, min_samples: 200}
  checks: {dispersion: {mode: independent}}
"""
Features = dict[str, Any]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("DRIFTLINE_")]:
        monkeypatch.delenv(name)


def features(random: random.Random) -> Features:
    return {
        "user": {"age": random.randint(20, 70), "income": round(random.lognormvariate(10, 0.5), 2)},
        "owner": random.randint(0, 1),
        "insured": random.random() < 0.5,
        "embedding": [random.random() for _ in range(4)],
        "note": random.choice("abc"),
        "born": {"year": 1990},
    }


def call(*arguments: object) -> None:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    assert not left.value.code


def findings(
    folder: Path, change: Callable[[Features], Features] = dict, columns: str = "", *drop: str
) -> dict[str, str]:
    """Return the message of each finding by check and column, where events differ from the reference by a change."""
    draw = random.Random(1)
    config, rows, events = folder / "c.yaml", folder / "r.ndjson", folder / "p.ndjson"
    config.write_text(CONFIG + (f"  columns: {columns}\n" if columns else ""), encoding="utf-8")
    reference = [{**features(draw), "prediction": i % 2} for i in range(2_000)]
    rows.write_text("".join(json.dumps(row) + "\n" for row in reference), encoding="utf-8")
    lines = [
        {
            "prediction_id": str(i),
            "model": "loan",
            "ts": START_MS + i * 6_000,
            "features": change(features(draw)),
            "prediction": i % 2,
        }
        for i in range(900)
    ]
    events.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    profile, out = folder / "r.profile", folder / "events.ndjson"
    dropped = [part for name in drop for part in ("--drop", name)]
    call("reference", "build", rows, "--model", "loan", "--out", profile, "--config", config, *dropped)
    call("backtest", "--config", config, "--reference", profile, "--predictions", events, "--out", out)
    found = {}
    for line in out.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        value = event.get("value", event)
        value = value.get("data", value)
        if "finding_id" in value:
            found[f"{value['check']} {value['column'] or ''}".strip()] = value["message"]
    return found


def test_unchanged_features_of_all_kinds_are_no_finding(tmp_path: Path) -> None:
    assert findings(tmp_path, dict, "{note: {kind: ignore}}", "born") == {}


def test_booleans_in_the_place_of_0_and_1_are_no_finding(tmp_path: Path) -> None:
    def other(each: Features) -> Features:
        return {**each, "owner": bool(each["owner"]), "insured": "True" if each["insured"] else "False"}

    assert findings(tmp_path, other) == {}


def test_a_change_within_an_object_is_found(tmp_path: Path) -> None:
    def richer(each: Features) -> Features:
        return {**each, "user": {**each["user"], "income": 1.6 * each["user"]["income"]}}

    found = findings(tmp_path, richer)
    assert {name.split()[-1] for name in found} == {"user.income"}


def as_text(each: Features) -> Features:
    return {**each, "user": {**each["user"], "income": f"{each['user']['income']:.2f}"}}


def test_numbers_that_became_text_are_named_with_what_reads_them(tmp_path: Path) -> None:
    found = findings(tmp_path, as_text)
    assert (
        "looks like numbers in text; `columns.user.income.kind: numeric` reads"
        in found["quality.wrong_type user.income"]
    )
    assert findings(tmp_path, as_text, "{user.income: {kind: numeric}}") == {}


def test_a_feature_that_appeared_is_named(tmp_path: Path) -> None:
    found = findings(tmp_path, lambda each: {**each, "user": {**each["user"], "tier": "gold"}})
    assert [*found] == ["quality.appeared"]
    assert ": 'user.tier' 6" in found["quality.appeared"]
