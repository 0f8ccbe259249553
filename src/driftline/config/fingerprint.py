"""A short hash of the settings that can change what is emitted, carried by every event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import xxhash

from driftline.config.durations import Duration

if TYPE_CHECKING:
    from driftline.config.model import ModelSettings
    from driftline.config.settings import Settings, TimeSettings


def plain(value: object) -> object:
    """Return settings as dictionaries, lists, strings and numbers, durations as people write them."""
    return msgspec.to_builtins(value, enc_hook=_text)


def settings_hash(model: ModelSettings, time: TimeSettings, *, has_labels: bool, sample_ratio: float = 1.0) -> str:
    """Return 16 hexadecimal digits (xxh3, 64 bits) that differ when emitted events can differ.

    Covers the model's settings, how event time is cut, whether labels are read, as the budget is then split otherwise,
    and of which share of the ids; not batches, flushes, checkpoints, telemetry or Kafka.
    The order of keys in the file, and how a duration was written (``60m``, ``1h``), do not matter.

    Examples
    --------
    >>> from driftline.config.settings import Settings
    >>> settings = Settings()
    >>> with_labels, without = (settings_hash(settings.defaults, settings.time, has_labels=h) for h in (True, False))
    >>> len(without), with_labels == without
    (16, False)
    """
    sampled = {"sample_ratio": sample_ratio} if sample_ratio < 1 else {}
    canonical = msgspec.json.encode(
        {"model": model, "time": time, "labels": has_labels, **sampled}, enc_hook=_milliseconds, order="sorted"
    )
    return xxhash.xxh3_64_hexdigest(canonical)


def model_settings_hash(settings: Settings, model: str) -> str:
    """Return the hash of what is configured for a model."""
    return settings_hash(
        settings.model(model),
        settings.time,
        has_labels=settings.labels is not None,
        sample_ratio=settings.join.sample_ratio,
    )


def _milliseconds(value: object) -> object:
    if isinstance(value, Duration):
        return int(value)
    raise TypeError(f"Expected settings, got a {type(value).__name__}")


def _text(value: object) -> object:
    if isinstance(value, Duration):
        return str(value)
    raise TypeError(f"Expected settings, got a {type(value).__name__}")
