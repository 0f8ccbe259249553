from __future__ import annotations

import os
import pty
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from driftline import __version__
from driftline.cli import main
from driftline.cli.common import overrides, progress
from driftline.cli.exit_codes import ExitCode, exit_code
from driftline.config.load import load_settings
from driftline.errors import BrokerError, ConfigurationError, DriftlineError, EventError, FormatError, ParameterError
from driftline.native.library import description
from tests.support.command import COMMAND, interruptible
from tests.support.real_broker import patient

if TYPE_CHECKING:
    from pathlib import Path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("DRIFTLINE_") or each in {"FORCE_COLOR", "NO_COLOR"}]:
        monkeypatch.delenv(name)


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"driftline {__version__} ({description()})\n", "")


def test_help_lists_the_commands_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "--help")
    assert code == 0
    for words in ("check-config", "topics", "alerts", "Exit codes: 0", "130 interrupted"):
        assert words in text


@pytest.mark.parametrize("arguments", [["no-such-command"], ["check-config"], ["topics", "check", "--no-such-option"]])
def test_a_wrong_command_line_is_exit_code_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, text, error = run(capsys, *arguments)
    assert (code, text) == (2, "")
    assert "Usage: driftline" in error


def test_a_valid_configuration_is_summed_up(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "labels: {topic: outcomes}\nmodels: {credit-risk: {windows: {verdict: [1h, 1d]}}}\n", encoding="utf-8"
    )
    code, text, error = run(
        capsys, "check-config", str(file), "--brokers", "kafka-1:9092,kafka-2:9092", "--prefix", "risk"
    )
    assert (code, error) == (0, "")
    for words in ("is valid", "kafka-1:9092,kafka-2:9092", "outcomes", "risk.*", "credit-risk", "every 1h, 1d"):
        assert words in text


def test_several_topics_are_named_and_stay_what_they_are(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("predictions: {topic: [scores-eu, scores-us]}\nlabels: {topic: ^outcomes-}\n", encoding="utf-8")
    code, text, _ = run(capsys, "check-config", str(file))
    assert code == 0
    assert "  predictions  scores-eu, scores-us\n" in text
    assert "  labels       ^outcomes-\n" in text
    _, text, _ = run(capsys, "check-config", str(file), "--effective")
    assert load_settings(None, {}, yaml.safe_load(text)) == load_settings(file, {})


def test_effective_settings_are_a_configuration_themselves(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("models: {credit-risk: {task: binary}}\n", encoding="utf-8")
    _, text, _ = run(capsys, "check-config", str(file), "--effective")
    assert load_settings(None, {}, yaml.safe_load(text)) == load_settings(file, {})


def test_all_problems_are_printed_to_standard_error_without_a_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "kafka: {panes_partitions: 0}\n"
        "defaults: {checks: {detectors: [adwim], detector_parameters: {adwin: {delta: 3, clok: 1}}}}\n",
        encoding="utf-8",
    )
    code, text, error = run(capsys, "check-config", str(file))
    assert (code, text) == (2, "")
    assert f"error: {file} has 4 problems" in error
    assert "`$.kafka.panes_partitions` (line 1)" in error
    assert "got 'adwim' - at `$.defaults.checks.detectors[0]` (line 2)" in error
    assert "did you mean `clock`?" in error
    assert "got 3.0 - at `$.delta` - under `$.defaults.checks.detector_parameters.adwin`" in error
    assert "Traceback" not in error


def test_a_missing_file_and_a_missing_secret_are_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(capsys, "check-config", str(tmp_path / "absent.yaml"))[0] == 2
    file = tmp_path / "c.yaml"
    security = "{protocol: SASL_SSL, username_env: NO_SUCH_USER, password_env: NO_SUCH_PASSWORD}"
    file.write_text(f"kafka: {{security: {security}}}\n", encoding="utf-8")
    assert run(capsys, "check-config", str(file))[0] == 0
    code, _, error = run(capsys, "topics", "check", "--config", str(file))
    assert code == 2
    assert "NO_SUCH_USER" in error
    assert "NO_SUCH_PASSWORD" in error


def test_settings_of_the_clients_are_checked_without_a_broker(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("kafka: {client: {fetch.mim.bytes: 1}, aiokafka: {fetch_max_byts: 1}}\n", encoding="utf-8")
    for command in (["check-config", str(file)], ["topics", "check", "--config", str(file)]):
        code, _, error = run(capsys, *command)
        assert code == 2
        assert 'No such configuration property: "fetch.mim.bytes" - at `$.kafka.client["fetch.mim.bytes"]`' in error
        assert "did you mean `fetch_max_bytes`?" in error
    file.write_text("kafka: {client: {client.rack: a, socket.keepalive.enable: true}}\n", encoding="utf-8")
    code, text, _ = run(capsys, "check-config", str(file))
    assert code == 0
    assert "  clients      client.rack\n" in text
    assert "  clients      socket.keepalive.enable (all but the detect stage's" in text


def test_the_configuration_file_may_be_named_by_a_variable(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTLINE_CONFIG", str(tmp_path / "named.yaml"))
    code, _, error = run(capsys, "topics", "check")
    assert code == 2
    assert "named.yaml" in error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError(("x",), "y"), 2),
        (ParameterError("a", "b", "c"), 2),
        (BrokerError("x"), 3),
        (EventError("not_json", "x"), 4),
        (FormatError("x"), 4),
        (DriftlineError("x"), 1),
    ],
)
def test_every_error_has_its_exit_code(error: DriftlineError, code: int) -> None:
    assert exit_code(error) == code


def test_options_that_were_not_given_override_nothing() -> None:
    assert overrides() == {}
    assert overrides({"telemetry.port": 0, "telemetry.host": None}, brokers="a:1", labels="l") == {
        "kafka.brokers": "a:1",
        "labels.topic": "l",
        "telemetry.port": 0,
    }


def test_options_name_several_topics() -> None:
    assert overrides(predictions="a,b", labels="^outcomes-[a-z]{2,3}$") == {
        "predictions.topic": ("a", "b"),
        "labels.topic": "^outcomes-[a-z]{2,3}$",
    }


def test_progress_is_silent_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("rows", 10) as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")


def test_colours_are_for_terminals_only(tmp_path: Path) -> None:
    command = (*COMMAND, "check-config", str(tmp_path / "absent.yaml"))
    environment = {**os.environ, "TERM": "xterm-256color"}
    piped = subprocess.run(command, capture_output=True, check=False, timeout=patient(60), env=environment)
    assert piped.returncode == ExitCode.CONFIGURATION
    assert b"\x1b[" not in piped.stderr
    terminal, end = pty.openpty()
    try:
        shown = subprocess.run(command, stdout=end, stderr=end, check=False, timeout=patient(60), env=environment)
        assert shown.returncode == ExitCode.CONFIGURATION
        assert b"\x1b[" in os.read(terminal, 65_536)
    finally:
        os.close(end)
        os.close(terminal)


def test_an_interrupted_command_is_exit_code_130(tmp_path: Path) -> None:
    pipe = tmp_path / "endless.yaml"
    os.mkfifo(pipe)
    with (
        interruptible(),
        subprocess.Popen([*COMMAND, "check-config", str(pipe)], stderr=subprocess.PIPE) as process,
    ):
        # Opening the pipe for writing returns when the command has opened it for reading.
        with pipe.open("w", encoding="utf-8"):
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=patient(60)) == ExitCode.INTERRUPTED
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize("command", ["check-config", "run", "backtest"])
def test_field_mappings_that_cannot_be_decoded_are_a_configuration_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text('predictions: {fields: {ts: /model/ts}}\nlabels: {fields: {label: ""}}\n', encoding="utf-8")
    events = tmp_path / "events.ndjson"
    events.touch()
    arguments = {
        "check-config": ["check-config", str(file)],
        "run": ["run", "-c", str(file)],
        "backtest": ["backtest", "-c", str(file), "--predictions", str(events), "--out", str(tmp_path / "out")],
    }
    code, text, error = run(capsys, *arguments[command])
    assert (code, text) == (2, "")
    assert "c.yaml has 2 problems" in error
    assert "lead through `/model` of the field `model`, got '/model/ts' - at `$.predictions.fields.ts`" in error
    assert "Expected a pointer to a field, such as `/ts`, got '' - at `$.labels.fields.label`" in error
    assert "line 2" in error


@pytest.mark.parametrize(
    ("routes", "words"), [("", "every alert to every sink"), ("routes: [{sinks: [hook]}]", "1 route")]
)
def test_a_checked_configuration_says_what_the_notifier_would_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, routes: str, words: str
) -> None:
    file = tmp_path / "driftline.yaml"
    file.write_text(f"notify:\n  sinks: {{hook: {{webhook: {{url: 'http://h'}}}}}}\n  {routes}\n", encoding="utf-8")
    code, text, error = run(capsys, "check-config", str(file))
    assert (code, error) == (0, "")
    assert f"  notify       hook (webhook); {words}\n" in text
