"""A short hash of the settings that can change what is emitted, carried by every event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import xxhash

from driftline.config.durations import Duration
from driftline.config.input_settings import PredictionInput
from driftline.config.model import AlertSettings, OperationsSettings, PerformanceSettings
from driftline.config.retraining_settings import ProposalSettings, RetrainingSettings
from driftline.config.settings import IntakeSettings, JoinSettings

if TYPE_CHECKING:
    from driftline.config.field_places import Origin
    from driftline.config.model import ModelSettings
    from driftline.config.settings import Settings, TimeSettings


def plain(value: object) -> object:
    """Return settings as dictionaries, lists, strings and numbers, durations as people write them."""
    return msgspec.to_builtins(value, enc_hook=_text)


_USUAL: Final = JoinSettings()
_USUAL_INTAKE: Final = IntakeSettings()
_USUAL_SECTIONS: Final = {
    "operations": OperationsSettings(),
    "retraining": RetrainingSettings(),
    "proposals": ProposalSettings(),
}
_USUAL_ALERTS: Final = AlertSettings()
_USUAL_PERFORMANCE: Final = PerformanceSettings()
_LATER_PERFORMANCE: Final = ("by_feature", "min_group_rise")
_LATER_OPERATIONS: Final = ("min_measure_rise", "max_p95", "max_p99")
_USUAL_ORIGINS: Final = PredictionInput().origins


def settings_hash(
    model: ModelSettings,
    time: TimeSettings,
    *,
    has_labels: bool,
    join: JoinSettings = _USUAL,
    intake: IntakeSettings = _USUAL_INTAKE,
    origins: tuple[Origin, ...] = _USUAL_ORIGINS,
) -> str:
    """Return 16 hexadecimal digits (xxh3, 64 bits) that differ when emitted events can differ.

    Covers the model's settings, how event time is cut, whether labels are read, as the budget is then split otherwise,
    of which share of the ids and in which order, and by what origins are told apart; not batches, flushes, checkpoints,
    telemetry or Kafka.
    The order of keys in the file, and how a duration was written (``60m``, ``1h``), do not matter.

    Examples
    --------
    >>> from driftline.config.settings import Settings
    >>> settings = Settings()
    >>> with_labels, without = (settings_hash(settings.defaults, settings.time, has_labels=h) for h in (True, False))
    >>> len(without), with_labels == without
    (16, False)
    """
    unusual: dict[str, object] = {"repartition": True} if join.routed else {}
    if join.sample_ratio != _USUAL.sample_ratio:
        unusual["sample_ratio"] = join.sample_ratio
    if intake != _USUAL_INTAKE:
        unusual["intake"] = intake
    if origins != _USUAL_ORIGINS:
        unusual["origins"] = origins
    canonical = msgspec.json.encode(
        {"model": _without_unset(model), "time": time, "labels": has_labels, **unusual},
        enc_hook=_milliseconds,
        order="sorted",
    )
    return xxhash.xxh3_64_hexdigest(canonical)


def model_settings_hash(settings: Settings, model: str) -> str:
    """Return the hash of what is configured for a model."""
    return settings_hash(
        settings.model(model),
        settings.time,
        has_labels=settings.labels is not None,
        join=settings.join,
        intake=settings.intake,
        origins=settings.predictions.origins,
    )


def _without_unset(model: ModelSettings) -> object:
    """Return a model's settings without those that came later and are not set, so that hashes of before stay true."""
    plain_model = msgspec.to_builtins(model, enc_hook=_milliseconds)
    if not model.classes:
        del plain_model["classes"]
    if model.checks.category_bins is None:
        del plain_model["checks"]["category_bins"]
    for name, usual in _USUAL_SECTIONS.items():
        if getattr(model, name) == usual:
            del plain_model[name]
    for name in _LATER_OPERATIONS if "operations" in plain_model else ():
        if getattr(model.operations, name) == getattr(_USUAL_SECTIONS["operations"], name):
            del plain_model["operations"][name]
    for name in _LATER_PERFORMANCE:
        if getattr(model.performance, name) == getattr(_USUAL_PERFORMANCE, name):
            del plain_model["performance"][name]
    if model.alerts.close_below == _USUAL_ALERTS.close_below:
        del plain_model["alerts"]["close_below"]
    return plain_model


def _milliseconds(value: object) -> object:
    if isinstance(value, Duration):
        return int(value)
    raise TypeError(f"Expected settings, got a {type(value).__name__}")


def _text(value: object) -> object:
    if isinstance(value, Duration):
        return str(value)
    raise TypeError(f"Expected settings, got a {type(value).__name__}")
