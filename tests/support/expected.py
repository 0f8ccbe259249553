"""What every run over the traffic must say: the events and alerts of a backtest."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import yaml

from driftline.config.load import load_settings
from driftline.profiles.profiles import Profiles
from driftline.runtime.files.backtest import Backtest
from tests.support.real_broker import SESSION_TIMEOUT_S
from tests.support.traffic import HOUR, PARTITIONS, SETTINGS, START_MS, Sent, profiles, traffic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from driftline.events.output_record import OutputRecord

PANES_PARTITIONS = 3
INPUTS = ("predictions", "labels")


class Output(NamedTuple):
    """One record of an output topic: two of them are equal where all of their bytes are."""

    channel: str
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None


def configuration(bootstrap: str, source: str, prefix: str, **sections: Mapping[str, object]) -> dict[str, Any]:
    """Return a configuration that reads the input topics of ``source`` and writes topics of ``prefix``."""
    kafka = {"brokers": bootstrap, "prefix": prefix, "panes_partitions": PANES_PARTITIONS}
    own: dict[str, Any] = {
        "kafka": kafka | {"session_timeout": f"{SESSION_TIMEOUT_S:g}s"},
        "predictions": {"topic": f"{source}-predictions"},
        "labels": {"topic": f"{source}-labels"},
        "join": {"repartition": False},  # the records' partitions follow no partitioner
        "telemetry": {"log_format": "json"},
        "detect": {"checkpoint_interval": "300ms", "session_timeout": f"{SESSION_TIMEOUT_S:g}s"},
    }
    return SETTINGS | own | {name: own.get(name, {}) | dict(section) for name, section in sections.items()}


def records_by_kind() -> dict[str, list[Sent]]:
    """Return the traffic's records by kind of topic."""
    return {"predictions": traffic().predictions, "labels": traffic().labels}


def normalised(headers: Iterable[tuple[str, bytes]], prefix: str) -> tuple[tuple[str, bytes], ...]:
    """Return headers with another prefix in ``ce_source``, the only place where the prefix stands."""
    wanted = f"driftline/{prefix}".encode()
    assert dict(headers).get("ce_source") == wanted
    return tuple((name, b"driftline/*" if name == "ce_source" else value) for name, value in headers)


def write_files(folder: Path) -> dict[str, Path]:
    """Write the traffic as files for ``driftline backtest``; lines that are refused have no place in a file."""
    paths = {}
    for kind, records in records_by_kind().items():
        paths[kind] = folder / f"{kind}.ndjson"
        next_offset = [0] * PARTITIONS
        with paths[kind].open("wb") as file:
            for record in records:
                offset = next_offset[record.partition]
                next_offset[record.partition] += 1
                if record.reason is None and record.value is not None:
                    place = {"partition": record.partition, "offset": offset, "timestamp": record.timestamp_ms}
                    file.write(json.dumps(json.loads(record.value) | {"kafka": place}).encode() + b"\n")
    return paths


def write_commands(folder: Path) -> Path:
    """Write the commands as a file for ``driftline backtest``."""
    path = folder / "commands.ndjson"
    lines = [json.dumps(command | {"kafka": {"timestamp": time_ms}}) for time_ms, command in commands()]
    path.write_text("\n".join(lines))
    return path


def backtest_configuration(folder: Path) -> Path:
    """Write the same configuration as on the broker, under another prefix."""
    path = folder / "backtest.yaml"
    path.write_text(yaml.safe_dump(configuration("localhost:1", "backtest", "backtest")))
    return path


def commands() -> list[tuple[int, dict[str, Any]]]:
    """Return commands of the control topic for the traffic, of every kind, with the time of their records."""
    alerts = alerts_of(expected())

    def alert(model: str, cause: str) -> str:
        found = [each for each in alerts if each["model"] == model and cause in each["causes"]]
        return str(min(found, key=lambda each: each["opened_at"])["alert_id"])

    version = next(each["model_version"] for each in alerts if each["model"] == "credit")
    given: list[tuple[float, dict[str, Any]]] = [
        (0.5, {"command": "maintenance", "start": _time(22.3), "until": _time(23.2), "model": "intent"}),
        (18.2, {"command": "mute", "model": "price", "until": _time(26.5), "causes": ["data drift", "data quality"]}),
        (18.3, {"command": "note", "model": "credit", "text": "a new channel"}),
        (21.5, {"command": "acknowledge", "model": "price", "alert": alert("price", "performance"), "useful": False}),
        (21.6, {"command": "note", "model": "price", "alert": alert("price", "data drift"), "text": "known"}),
        (22.0, {"command": "acknowledge", "model": "credit", "alert": "none"}),
        (22.1, {"command": "mute", "until": _time(40), "model": "unheard-of"}),
        (22.2, {"command": "mute", "until": _time(40), "id": "all"}),
        (23.7, {"command": "unmute", "mute": "all"}),
        (28.4, {"command": "deploy", "model": "intent", "model_version": "2"}),
        (
            30.1,
            {"command": "rebaseline", "model": "credit", "model_version": version, "profile_id": "p", "columns": []},
        ),
        (36.4, {"command": "rollback", "model": "price", "model_version": "0"}),
    ]
    said = []
    for number, (hours, command) in enumerate(given):
        at = {} if command["command"] == "maintenance" else {"at": _time(hours)}
        said.append((START_MS + round(hours * HOUR), {"by": "ann", "id": f"c{number}", **at, **command}))
    return said


def _time(hours: float) -> int:
    return START_MS + round(hours * HOUR)


@cache
def expected(*, commands_too: bool = False) -> frozenset[Output]:
    """Return what a backtest over the traffic says: what every run on a broker must say.

    With ``commands_too`` all commands are on the control topic from the beginning.
    """
    found: list[Output] = []

    def emit(output: OutputRecord) -> None:
        found.append(Output(output.channel, output.key, normalised(output.headers, "backtest"), output.value))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_files(folder)
        run = Backtest(load_settings(backtest_configuration(folder), {}), Profiles(profiles()), PARTITIONS)
        run.run(paths["predictions"], paths["labels"], emit, control=write_commands(folder) if commands_too else None)
    assert len(set(found)) == len(found), "a backtest repeats nothing"
    return frozenset(found)


def alerts_of(outputs: Iterable[Output]) -> list[dict[str, Any]]:
    """Return the alerts among outputs."""
    decoded = [msgspec.json.decode(output.value or b"null") for output in outputs if output.channel == "alerts"]
    return [alert for alert in decoded if alert is not None]


def time_ms(output: Output) -> int:
    """Return the time of an event: the end of its window."""
    return round(datetime.fromisoformat(dict(output.headers)["ce_time"].decode()).timestamp() * 1000)


def events_of(kind: str, outputs: Iterable[Output]) -> list[dict[str, Any]]:
    """Return the events of a kind: ``window``, ``finding`` or ``performance``."""
    ce_type = f"io.driftline.{kind}.v1".encode()
    return [msgspec.json.decode(o.value or b"null") for o in outputs if dict(o.headers)["ce_type"] == ce_type]
