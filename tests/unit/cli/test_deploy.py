from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.cli.exit_codes import ExitCode
from driftline.config.model import ModelSettings
from driftline.events.control import Deploy, Maintenance, Rebaseline, Rollback
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.runtime.references.profile_files import write_profile
from tests.support.control_topic import ControlTopic

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.profiles.profile import Profile

NOW_MS = 1_772_366_400_000
EARLIEST_MS = NOW_MS + 660_000
"""``time.max_future``, 10 minutes, and a minute from now."""


def profile(version: str = "3", model: str = "credit") -> Profile:
    values = np.linspace(0, 1, 400)
    table = ReferenceTable(400, {"age": values, "income": values * 10}, prediction=[0, 1] * 200)
    return build_profile(ModelKey(model, version), table, ModelSettings(), 0, "training")


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> ControlTopic:
    monkeypatch.setattr("time.time_ns", lambda: NOW_MS * 1_000_000)
    monkeypatch.setenv("LOGNAME", "ada")
    monkeypatch.setattr("socket.gethostname", lambda: "ci")
    return ControlTopic(monkeypatch, capsys)


def test_a_version_takes_over_from_now_or_from_a_time(topic: ControlTopic) -> None:
    topic.profiles = [profile("3"), profile("4")]
    code, said, errors = topic.run("deploy", "--model", "credit", "--version", "4", "--id", "d")
    assert (code, errors) == (ExitCode.OK, "")
    assert said.startswith("credit@4 takes over from all other versions, from now on (command d by ada@ci")
    given = ("--at", "2h", "--replaces", "3", "--comment", "new features", "--id", "e")
    code, said, _ = topic.run("deploy", "--model", "credit", "--version", "4", *given)
    assert said.startswith("credit@4 takes over from version 3, from 2026-03-01T14:00:00.000Z on")
    first, second = topic.commands
    assert first == Deploy(by="ada@ci", id="d", model="credit", model_version="4")
    assert second == Deploy(
        by="ada@ci",
        id="e",
        at=datetime(2026, 3, 1, 14, tzinfo=UTC),
        comment="new features",
        model="credit",
        model_version="4",
        replaces="3",
    )


def test_the_reference_of_a_version_is_published_before_and_holds_from_the_same_time(
    topic: ControlTopic, tmp_path: Path
) -> None:
    file = tmp_path / "x.profile"
    write_profile(file, profile("training run 9"))
    given = ("--model", "credit", "--version", "4", "--profile", file)
    code, said, errors = topic.run("deploy", *given)
    assert code == ExitCode.OK, errors
    assert "was built for credit@training run 9: it is published for credit@4" in errors
    [published] = topic.published
    assert (published.key, published.effective_from_ms) == (ModelKey("credit", "4"), EARLIEST_MS)
    assert said.startswith(f"published {published.profile_id} for credit@4, holds from 2026-03-01T12:11:00.000Z\n")
    assert topic.commands[0].at == datetime(2026, 3, 1, 12, 11, tzinfo=UTC)

    code, _, errors = topic.run("deploy", *given, "--at", "now")
    assert code == ExitCode.DATA
    assert "Expected the profile to hold from 2026-03-01T12:11:00.000Z or later" in errors
    assert "at `--at`" in errors
    assert topic.run("deploy", *given, "--at", "now", "--before-start")[0] == ExitCode.OK
    assert topic.published[-1].effective_from_ms == NOW_MS
    assert topic.run("deploy", *given, "--dry-run")[0] == ExitCode.OK
    assert len(topic.published) == len(topic.records) == 2


def test_nothing_is_published_for_a_command_that_would_be_refused(topic: ControlTopic, tmp_path: Path) -> None:
    file = tmp_path / "x.profile"
    write_profile(file, profile("4"))
    given = ("--model", "credit", "--version", "4", "--profile", file, "--at", "beginning", "--before-start")
    code, _, errors = topic.run("deploy", *given)
    assert code == ExitCode.DATA
    assert "Expected a command that holds from a time at most 30 days ago" in errors
    assert (topic.records, topic.published) == ([], [])


def test_a_profile_of_another_model_is_refused(topic: ControlTopic, tmp_path: Path) -> None:
    file = tmp_path / "x.profile"
    write_profile(file, profile("4", "other"))
    code, _, errors = topic.run("deploy", "--model", "credit", "--version", "4", "--profile", file)
    assert code == ExitCode.DATA
    assert "Expected a profile of `credit`, got one of `other`" in errors
    assert (topic.records, topic.published) == ([], [])


def test_an_earlier_version_takes_over_again(topic: ControlTopic) -> None:
    topic.profiles = [profile("3")]
    code, said, errors = topic.run("rollback", "--model", "credit", "--version", "3", "--replaces", "4", "--at", "now")
    assert (code, errors) == (ExitCode.OK, "")
    assert said.startswith("credit@3 takes over again from version 4, from 2026-03-01T12:00:00.000Z on")
    [command] = topic.commands
    assert isinstance(command, Rollback)
    assert (command.model_version, command.replaces) == ("3", "4")


@pytest.mark.parametrize("command", ["deploy", "rollback"])
def test_a_version_without_a_reference_is_said_and_an_unknown_model_refused(topic: ControlTopic, command: str) -> None:
    code, _, errors = topic.run(command, "--model", "credit", "--version", "9")
    assert code == ExitCode.OK
    assert "no reference of credit@9 is published" in errors
    code, _, errors = topic.run(command, "--model", "kredit", "--version", "9")
    assert code == ExitCode.FOUND
    assert "driftline.alerts and driftline.references and the configuration name `credit`" in errors
    assert len(topic.records) == 1


def test_maintenance_is_announced_for_a_model_or_all(topic: ControlTopic) -> None:
    span = ("--from", "2026-11-26T00:00:00-05:00", "--until", "2026-11-28T00:00:00-05:00")
    code, said, _ = topic.run("maintenance", *span, "--kind", "holiday", "--name", "Thanksgiving")
    assert code == ExitCode.OK
    assert said.startswith(
        "Thanksgiving of all models from 2026-11-26T05:00:00.000Z until 2026-11-28T05:00:00.000Z (command"
    )
    assert topic.run("maintenance", "--from", "now", "--until", "2h", "--model", "credit")[0] == ExitCode.OK
    holiday, maintenance = topic.commands
    assert isinstance(holiday, Maintenance)
    assert isinstance(maintenance, Maintenance)
    assert (holiday.kind, holiday.name, holiday.model) == ("holiday", "Thanksgiving", None)
    assert (maintenance.kind, maintenance.model) == ("maintenance", "credit")
    assert maintenance.until == datetime(2026, 3, 1, 14, tzinfo=UTC)
    assert [key for key, _ in topic.records] == [None, b"credit"]


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("--from", "2h", "--until", "1h"), ExitCode.CONFIGURATION, "Expected a time after --from"),
        (("--from", "-2h", "--until", "-1h"), ExitCode.FOUND, "has passed"),
        (("--from", "soon", "--until", "1h"), ExitCode.CONFIGURATION, "or a duration from now"),
        (("--from", "now", "--until", "1h", "--model", "kredit"), ExitCode.FOUND, "no model `kredit` is known"),
    ],
)
def test_a_span_that_makes_no_sense_is_refused(
    topic: ControlTopic, given: tuple[str, ...], code: ExitCode, said: str
) -> None:
    found, _, errors = topic.run("maintenance", *given)
    assert found == code
    assert said in errors
    assert topic.records == []


def events(file: Path, version: str = "3") -> tuple[str, ...]:
    """Write production events of four hours before now, with other incomes; return the options that name them."""
    lines = []
    for i in range(480):
        ts = NOW_MS - 4 * 3_600_000 + i * 30_000
        event = {"prediction_id": f"p{i}", "ts": ts, "model": "credit", "model_version": version, "prediction": i % 2}
        lines.append(json.dumps({**event, "features": {"age": i / 480, "income": 100 + i % 7}}))
    file.write_text("\n".join(lines), encoding="utf-8")
    return ("--model", "credit", "--events", str(file), "--from", "-4h", "--to", "now")


def test_a_column_of_production_is_the_new_normal(topic: ControlTopic, tmp_path: Path) -> None:
    topic.profiles = [profile()]
    span = events(tmp_path / "e.ndjson")
    code, said, errors = topic.run("rebaseline", *span, "--columns", "income", "--id", "r", "--comment", "raises")
    assert code == ExitCode.OK, errors
    [published] = topic.published
    assert (published.key, published.effective_from_ms) == (ModelKey("credit", "3"), EARLIEST_MS)
    assert [published.n_of(i) for i in range(3)] == [400, 480, 400]
    assert topic.commands == [
        Rebaseline(
            by="ada@ci",
            id="r",
            at=datetime(2026, 3, 1, 12, 11, tzinfo=UTC),
            comment="raises",
            model="credit",
            profile_id=published.profile_id,
            model_version="3",
            columns=["income"],
        )
    ]
    assert "income of credit@3 as between 2026-03-01T08:00:00.000Z and 2026-03-01T12:00:00.000Z from" in said
    assert "remark: how numeric features go together" in errors


def test_all_columns_are_named_by_none(topic: ControlTopic, tmp_path: Path) -> None:
    topic.profiles = [profile()]
    span = events(tmp_path / "e.ndjson")
    assert topic.run("rebaseline", *span, "--at", "1d", "--dry-run")[0] == ExitCode.OK
    assert (topic.published, topic.records) == ([], [])
    code, said, _ = topic.run("rebaseline", *span, "--at", "1d")
    assert code == ExitCode.OK
    assert "all columns of credit@3" in said
    [command] = topic.commands
    assert isinstance(command, Rebaseline)
    assert (command.columns, command.at) == ([], datetime(2026, 3, 2, 12, tzinfo=UTC))


def test_a_version_without_a_reference_is_taken_whole(topic: ControlTopic, tmp_path: Path) -> None:
    span = events(tmp_path / "e.ndjson", "7")
    code, _, errors = topic.run("rebaseline", *span, "--version", "7", "--columns", "age")
    assert code == ExitCode.DATA
    assert "Leave --columns out to take all from the span" in errors
    code, _, errors = topic.run("rebaseline", *span, "--version", "7")
    assert code == ExitCode.OK
    assert "no reference of credit@7 is published: all columns are new" in errors
    assert topic.published[0].n_events == 480


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("--columns", "age,salary"), ExitCode.DATA, "got 'salary' - at `--columns`"),
        (("--at", "now"), ExitCode.DATA, "at `--at`. Events before that"),
        (("--from", "7d"), ExitCode.CONFIGURATION, "Expected a time that has passed, such as `-7d`"),
        (("--to", "-5h"), ExitCode.CONFIGURATION, "Expected a time after --from"),
        (("--model", "kredit"), ExitCode.FOUND, "no model `kredit` is known"),
        (("--from", "-2000d", "--to", "-1000d"), ExitCode.DATA, "Expected events of `credit@3`, got none"),
    ],
)
def test_a_re_baseline_that_cannot_be_is_refused(
    topic: ControlTopic, tmp_path: Path, given: tuple[str, ...], code: ExitCode, said: str
) -> None:
    topic.profiles = [profile()]
    found, _, errors = topic.run("rebaseline", *events(tmp_path / "e.ndjson"), *given)
    assert found == code
    assert said in errors
    assert (topic.records, topic.published) == ([], [])


def test_of_several_versions_one_has_to_be_named(topic: ControlTopic, tmp_path: Path) -> None:
    topic.profiles = [profile("3"), profile("4")]
    code, _, errors = topic.run("rebaseline", *events(tmp_path / "e.ndjson"))
    assert code == ExitCode.DATA
    assert "Expected one version of `credit` with a reference, got '3', '4'" in errors
