from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.config.durations import Duration
from driftline.config.field_places import Constant
from driftline.config.fingerprint import model_settings_hash
from driftline.config.input_settings import LabelInput
from driftline.config.load import known_detectors, known_distances, load_settings, plain, settings_hash
from driftline.config.model import Budget, ModelSettings
from driftline.config.settings import JoinSettings, Settings, TimeSettings
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_DISTANCES = ("psi", "jensen_shannon", "kolmogorov_smirnov")


def load(tmp_path: Path, text: str, environ: dict[str, str] | None = None, **overrides: object) -> Settings:
    file = tmp_path / "driftline.yaml"
    file.write_text(text, encoding="utf-8")
    checks = [known_detectors(["adwin", "page_hinkley"]), known_distances(DEFAULT_DISTANCES)]
    return load_settings(file, environ or {}, overrides, model_checks=checks)


def problems(tmp_path: Path, text: str, environ: dict[str, str] | None = None, **overrides: object) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text, environ, **overrides)
    return list(caught.value.problems)


def test_nothing_at_all_gives_the_defaults() -> None:
    assert load_settings(None, {}) == Settings()


@pytest.mark.parametrize("text", ["", "# only a comment\n", "kafka:\nmodels:\n"])
def test_empty_sections_give_the_defaults(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == Settings()


def test_values_are_read_as_people_write_them(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        kafka: {brokers: "a:9092,[::1]:9093", prefix: risk}
        predictions: {topic: scored, fields: {model: {value: credit-risk}, features: ""}}
        labels: {topic: outcomes}
        time: {pane: 30s}
        defaults:
          windows: {verdict: [1h, 1d], hop: 5m}
          alerts: {false_alarm_budget: 2 per 90d}
        """,
    )
    assert settings.kafka.prefix == "risk"
    assert settings.predictions.fields.model == Constant("credit-risk")
    assert settings.predictions.fields.features == ""
    assert settings.labels == LabelInput("outcomes")
    assert settings.time.pane == Duration(30_000)
    assert settings.defaults.windows.verdict == (Duration(3_600_000), Duration(86_400_000))
    assert settings.defaults.alerts.false_alarm_budget == Budget(2.0, Duration(90 * 86_400_000))


def test_a_model_is_laid_over_the_defaults_at_every_depth(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        defaults:
          windows: {min_samples: 200, hop: 5m}
          columns: {age: {kind: numeric, importance: 2}}
          checks: {detector_parameters: {adwin: {delta: 0.01, clock: 8}}}
        models:
          credit-risk:
            windows: {hop: 10m}
            columns: {age: {importance: 3}, channel: {kind: categorical}}
            checks: {detector_parameters: {adwin: {delta: 0.5}}}
          churn:
        """,
    )
    model = settings.model("credit-risk")
    assert (model.windows.min_samples, model.windows.hop) == (200, Duration(600_000))
    assert (model.columns["age"].kind, model.columns["age"].importance) == ("numeric", 3.0)
    assert model.columns["channel"].kind == "categorical"
    assert model.checks.detector_parameters == {"adwin": {"delta": 0.5, "clock": 8}}
    assert settings.model("churn") == settings.defaults == settings.model("never heard of")


def test_every_problem_is_reported_at_once_with_path_expectation_value_and_line(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "kafka:\n  panes_partitions: 0\n  broker: a:1\ntime: {lateness: 5}\nlabels: {topic: predictions}\n"
        "models:\n  credit-risk:\n    windows: {hop: 11s}\n    task: bin\n    checks: {detectors: [adwim]}\n",
    )
    assert sorted(found) == sorted(
        [
            "Expected a whole number from 1 to 1024, got 0 - at `$.kafka.panes_partitions` (line 2)",
            (
                "Expected one of `brokers`, `prefix`, `panes_partitions`, `replication`, `session_timeout`, "
                "`client`, `aiokafka`, `security`, got 'broker' - at `$.kafka.broker` (line 3); did you mean `brokers`?"
            ),
            "Expected a duration such as `10s`, `5m`, `1h` or `30d`, got 5 - at `$.time.lateness` (line 4)",
            (
                "Expected a topic other than that of the predictions, or `where` to tell labels, got 'predictions' "
                "- at `$.labels.topic` (line 5)"
            ),
            "Expected a multiple of the pane (10s), got '11s' - at `$.models.credit-risk.windows.hop` (line 8)",
            (
                "Expected a multiple of the hop (11s), got '1h', the default - "
                "at `$.models.credit-risk.windows.display` (line 8)"
            ),
            (
                "Expected at most 24 hops (264s), got '1h', the default - "
                "at `$.models.credit-risk.windows.display` (line 8)"
            ),
            (
                "Expected one of `auto`, `binary`, `multiclass`, `regression`, got 'bin' - "
                "at `$.models.credit-risk.task` (line 9)"
            ),
            (
                "Expected one of `adwin`, `page_hinkley`, got 'adwim' - "
                "at `$.models.credit-risk.checks.detectors[0]` (line 10)"
            ),
        ],
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models:\n  m:\n    windows: {display: 3h, hop: 5m}", "at most 24 hops (2h), got '3h'"),
        ("defaults: {reference: {rolling: {step: 7s}}}", "Expected a multiple of the pane (10s), got '7s'"),
        ("defaults: {reference: {rolling: {length: 36h}}}", "Expected a multiple of the step (1d), got '36h' - at"),
        ("defaults: {reference: {rolling: {gap: 1h}}}", "Expected a multiple of the step (1d), or none, got '1h'"),
        (
            "defaults: {reference: {rolling: {step: 1h}}}",
            "Expected at most 64 steps (64h) in twice the length and the gap, got '15d' - at",
        ),
        ("defaults: {windows: {hop: 1m}}", "at most 24 hops (24m), got '1h', the default - at"),
        ("defaults: {windows: {display: 25m, hop: 10m}}", "a multiple of the hop (10m), got '25m'"),
        ("defaults: {windows: {verdict: [61s]}}", "a multiple of the pane (10s), got '61s'"),
        ("defaults: {windows: {verdict: []}}", "at least one size, got []"),
        ("defaults: {windows: {verdict: [1h, 60m]}}", "each size once, got ['1h', '1h']"),
        (
            "defaults: {alerts: {open_after: {findings: 3, windows: 2}}}",
            "at most as many findings as windows (2), got 3 - at `$.defaults.alerts.open_after.findings`",
        ),
        (
            "defaults: {alerts: {shares: {2h: 0.5}}}",
            "one of `1h`, `1d`, `performance`, `labels`, `detectors`, `operations`, got '2h'",
        ),
        ("defaults: {alerts: {shares: {1h: 0.8, 1d: 0.3}}}", "shares that add up to at most 1, got 1.1"),
        (
            "defaults: {alerts: {shares: {1h: 1.0}}}",
            "shares that leave something for `1d`, `detectors`, got {'1h': 1.0}",
        ),
        (
            "labels: {}\nmodels: {m: {alerts: {shares: {1h: 0.7, 1d: 0.3}}}}",
            "leave something for `performance`, `labels`, `detectors`, got {'1h': 0.7, '1d': 0.3}",
        ),
        ("defaults: {alerts: {shares: {1h: 0}}}", "a number above 0 and up to 1, got 0"),
        ("defaults: {labels: {cohort: 0s}}", "a duration above zero, got '0ms' - at `$.defaults.labels.cohort`"),
        ("detect: {session_timeout: 2s}", "a duration from 3s to 1m, got '2s' - at `$.detect.session_timeout`"),
        ("detect: {stall_timeout: 0s}", "a duration above zero, got '0ms' - at `$.detect.stall_timeout`"),
        ("defaults: {labels: {stall_after: 0s}}", "a duration above zero, got '0ms'"),
        ("defaults: {labels: {min_arrival_drop: 2}}", "min_arrival_drop"),
        (
            "defaults: {checks: {thresholds: {pssi: 0.2}}}",
            "`kolmogorov_smirnov`, got 'pssi' - at `$.defaults.checks.threshold",
        ),
        (
            "defaults: {columns: {age: {thresholds: {ks: 0.2}}}}",
            "`kolmogorov_smirnov`, got 'ks' - at `$.defaults.columns.age.thresholds`",
        ),
        ("defaults: {checks: {thresholds: {psi: 0}}}", "a number above 0, got 0"),
        ("defaults: {windows: {performance: 61s}}", "a multiple of the pane (10s), got '61s'"),
        ("defaults: {labels: {revisions: [1d, 1h]}}", "ages in ascending order, got ['1d', '1h']"),
        ("defaults: {labels: {revisions: [61s]}}", "a multiple of the pane (10s), got '61s'"),
        ("defaults: {labels: {horizon: 1d, revisions: [2d]}}", "an age up to the horizon (1d), got '2d'"),
        ("defaults: {task: regression, positive_class: x}", "no positive class with the task `regression`, got 'x'"),
        ("defaults: {task: regression, classes: {a: b}}", "no classes with the task `regression`, got ['a']"),
        ("defaults: {checks: {min_psi: .nan}}", "a number of at least 0, got nan"),
        ("defaults: {checks: {min_psi: true}}", "a number of at least 0, got True"),
        ("defaults: {alerts: {false_alarm_budget: 1 for 3d}}", "a budget such as `1 per 30d`, got '1 for 3d'"),
        ("defaults: {alerts: {false_alarm_budget: 0 per 3d}}", "a budget such as `1 per 30d`, got '0 per 3d'"),
        (
            "defaults: {columns: {age: {kind: number}}}",
            "one of `numeric`, `categorical`, `embedding`, `age`, `hour`, `weekday`, `ignore`, got 'number'",
        ),
        ("defaults: {windows: {verdict: 1h}}", "a list, each a duration"),
        ("kafka: {prefix: 'a b'}", "1 to 100 letters, digits, `.`, `_` or `-`, got 'a b'"),
        ("kafka: {brokers: localhost}", "a comma-separated list of `host:port`, got 'localhost'"),
        ("kafka: {brokers: 'a:1,b'}", "a comma-separated list of `host:port`, got 'a:1,b'"),
        ("predictions: {topic: a b}", "a topic's name"),
        ("predictions: {topic: driftline.panes}", "not one that driftline writes, got 'driftline.panes'"),
        ("predictions: {fields: {ts: time}}", "a JSON Pointer such as `/features`"),
        ("predictions: {fields: {model: {valu: x}}}", "did you mean `value`?"),
        ("predictions: {fields: {model: {}}}", "a number, got None - at `$.predictions.fields.model.value`"),
        ("predictions: {fields: {model: 3}}", "a JSON Pointer"),
        ("time: {pane: 40000d}", "up to 36500d, got '40000d'"),
        (f"time: {{pane: {'9' * 400}d}}", "up to 36500d"),
        (f"defaults: {{alerts: {{false_alarm_budget: {'9' * 400} per 1d}}}}", "a budget such as"),
        ("kafka: {panes_partitions: 99999999999999999999999}", "a whole number from 1 to 1024"),
        ("? [a]\n: b", "YAML, got a syntax error"),
        ("time: {pane: 0s}", "a duration above zero, got '0ms'"),
        ("models: [a]", "a mapping of names"),
        ("models: {m: 3}", "a mapping with `task`"),
        ("models: {1: {}}", "a name in quotes, got 1"),
        ("- a\n", "a mapping of sections such as `kafka` and `models`, got ['a']"),
        ("kafka: {brokers: 'a:1'\n", "YAML, got a syntax error"),
        ("kafka: &a\n  security: *a\n", "no anchor that contains itself"),
        (
            "kafka: {prefix: a, prefix: b}",
            "each key once (first on line 1), got 'prefix' - at `$.kafka.prefix` (line 1)",
        ),
        ("kafka: {security: {protocol: SASL_SSL}}", "`password_env` or `password_file` with the protocol SASL_SSL"),
        ("kafka: {security: {username_env: U}}", "SASL_SSL or SASL_PLAINTEXT, as `username` is set"),
        ("kafka: {security: {ca_file: x}}", "SSL or SASL_SSL, as `ca_file` is set, got 'PLAINTEXT'"),
        ("kafka: {security: {protocol: SSL, key_file: x}}", "`certificate_file` and `key_file` together"),
        ("kafka: {security: {key_password_env: A, key_password_file: b}}", "either `key_password_env` or"),
    ],
)
def test_a_wrong_value_is_refused_in_words(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in "\n".join(problems(tmp_path, text))


def test_a_broken_value_draws_no_problems_after_it(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "time: {pane: often}\nmodels: {a: {windows: {hop: 12m}}}")) == 1
    assert len(problems(tmp_path, "defaults: {windows: {hop: x}}\nmodels: {a: {windows: {display: 7m}}}")) == 1


def test_a_problem_of_the_defaults_is_not_repeated_for_each_model(tmp_path: Path) -> None:
    found = problems(tmp_path, "defaults: {windows: {hop: 11s, display: 22s}}\nmodels: {a: {}, b.c: {task: binary}}")
    assert found == ["Expected a multiple of the pane (10s), got '11s' - at `$.defaults.windows.hop` (line 1)"]


def test_a_shorter_horizon_leaves_out_built_in_revisions_only(tmp_path: Path) -> None:
    assert load(tmp_path, "defaults: {labels: {horizon: 2d}}").defaults.labels.revisions == (3_600_000, 86_400_000)
    assert (
        "up to the horizon"
        in problems(tmp_path, "defaults: {labels: {revisions: [3d]}}\nmodels: {a: {labels: {horizon: 2d}}}")[0]
    )


def test_the_environment_is_stronger_than_the_file_and_options_than_both(tmp_path: Path) -> None:
    text = "kafka: {brokers: 'a:1', prefix: file}\ntelemetry: {port: 1}"
    environ = {"DRIFTLINE_KAFKA__PREFIX": "environment", "DRIFTLINE_TELEMETRY__PORT": "2"}
    settings = load(tmp_path, text, environ, **{"telemetry.port": 3, "labels.topic": "outcomes"})
    assert (settings.kafka.brokers, settings.kafka.prefix, settings.telemetry.port) == ("a:1", "environment", 3)
    assert settings.labels == LabelInput("outcomes")


def test_a_variable_finds_names_that_a_shell_does_not_allow(tmp_path: Path) -> None:
    environ = {"DRIFTLINE_MODELS__CREDIT_RISK__WINDOWS__VERDICT": "[30m, 2h]"}
    settings = load(tmp_path, "models: {Credit-Risk: {task: binary}}", environ)
    assert settings.models["Credit-Risk"].windows.verdict == (1_800_000, 7_200_000)
    found = problems(tmp_path, "models: {credit-risk: {}, credit_risk: {}}", environ)
    assert found == [
        (
            "Expected a variable that means one of `credit-risk`, `credit_risk`, "
            "got 'DRIFTLINE_MODELS__CREDIT_RISK__WINDOWS__VERDICT' "
            "- at `DRIFTLINE_MODELS__CREDIT_RISK__WINDOWS__VERDICT`"
        )
    ]


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    assert problems(tmp_path, "", {"DRIFTLINE_TELEMETRY__PORT": "99999"}) == [
        "Expected a whole number from 0 to 65535, got 99999 - at `$.telemetry.port` (DRIFTLINE_TELEMETRY__PORT)"
    ]
    assert "a value in YAML" in problems(tmp_path, "", {"DRIFTLINE_KAFKA__PREFIX": "[a"})[0]
    assert "a mapping" in problems(tmp_path, "kafka: 3", {"DRIFTLINE_KAFKA__PREFIX": "a"})[0]


def test_a_forgotten_underscore_is_noticed_and_foreign_variables_are_left_alone(tmp_path: Path) -> None:
    foreign = {"DRIFTLINE_SERVICE_HOST": "10.0.0.1", "DRIFTLINE_KAFKA_PORT": "tcp://10.0.0.1:9092", "PATH": "/bin"}
    assert load(tmp_path, "", foreign) == Settings()
    assert "`DRIFTLINE_KAFKA__BROKERS`" in problems(tmp_path, "", {"DRIFTLINE_KAFKA_BROKERS": "a:1"})[0]


def test_a_variable_that_holds_a_secret_is_no_setting(tmp_path: Path) -> None:
    text = "kafka: {security: {protocol: SASL_SSL, username_env: U, password_env: DRIFTLINE_KAFKA__PASSWORD}}"
    settings = load(tmp_path, text, {"DRIFTLINE_KAFKA__PASSWORD": "hunter2"})
    assert "hunter2" not in repr(settings)


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        load_settings(tmp_path / "absent.yaml", {})
    with pytest.raises(ConfigurationError, match=": is a directory"):
        load_settings(tmp_path, {})
    (tmp_path / "latin.yaml").write_bytes("kafka: {prefix: é}".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_settings(tmp_path / "latin.yaml", {})


def test_anchors_and_merge_keys_are_read(tmp_path: Path) -> None:
    settings = load(tmp_path, "models:\n  a: &a {task: binary}\n  b: {<<: *a, positive_class: 'yes'}\n")
    assert (settings.models["b"].task, settings.models["b"].positive_class) == ("binary", "yes")


def test_the_hash_sees_what_changes_events_and_nothing_else(tmp_path: Path) -> None:
    def of(text: str) -> str:
        settings = load(tmp_path, text)
        return settings_hash(settings.defaults, settings.time, has_labels=False)

    same = of("")
    assert len(same) == 16
    assert of("sketch: {batch: 100}\nkafka: {prefix: other}\ntelemetry: {port: 0}") == same
    assert of("defaults: {windows: {hop: 600s, min_samples: 500}}") == same
    first = of("defaults: {columns: {a: {kind: numeric}, b: {kind: ignore}}}")
    assert first == of("defaults: {columns: {b: {kind: ignore}, a: {kind: numeric}}}") != same
    assert len({same, first, of("time: {lateness: 2m}"), of("defaults: {checks: {min_psi: 0.2}}")}) == 4
    assert of("defaults: {checks: {category_bins: null}}") == same
    assert of("defaults: {checks: {category_bins: 20}}") != same
    assert of("defaults: {performance: {by_feature: 0, min_group_rise: 0.05}}") == same
    assert of("defaults: {performance: {by_feature: 8}}") != same


def test_effective_settings_written_out_are_read_back_the_same(tmp_path: Path) -> None:
    settings = load(tmp_path, "models: {a: {windows: {hop: 5m}, alerts: {false_alarm_budget: 1 per 7d}}}")
    values = plain(settings)
    assert isinstance(values, dict)
    assert load_settings(None, {}, values) == settings
    assert settings_hash(ModelSettings(), TimeSettings(), has_labels=False) == settings_hash(
        settings.defaults, settings.time, has_labels=False
    )


def test_how_labels_are_joined_is_a_setting_where_it_shows() -> None:
    whole = Settings()
    for join in (JoinSettings(sample_ratio=0.5), JoinSettings(repartition=True)):
        assert model_settings_hash(whole, "m") != model_settings_hash(Settings(join=join), "m")
    assert model_settings_hash(whole, "m") == model_settings_hash(Settings(join=JoinSettings(directory="/x")), "m")
    assert model_settings_hash(whole, "m") == settings_hash(ModelSettings(), TimeSettings(), has_labels=False)
