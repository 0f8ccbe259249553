"""The configuration of all models: no number in it is of one scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.incidents.population import COUNTRIES
from benchmarks.incidents.scenario import PANE_MS
from benchmarks.incidents.stream import LATENESS_MS
from driftline.config.load import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.config.model import ModelSettings
    from driftline.config.settings import Settings

N_SEGMENTS: Final = 2
"""Countries whose performance is looked at by itself; all others are together what is in no segment."""
SECTIONS: Final[dict[str, Any]] = {
    "time": {"pane": f"{PANE_MS}ms", "lateness": f"{LATENESS_MS}ms", "idle_timeout": "1d"},
    "defaults": {
        "task": "binary",
        "positive_class": "1",
        "segments": {"country": [*COUNTRIES[:N_SEGMENTS]]},
        "windows": {"hop": f"{PANE_MS}ms", "min_samples": 240},
        "labels": {"horizon": "7d"},
    },
}
"""What a file of it says besides Kafka and topics: panes of an hour, and labels that come for a week. No idle mark can
fall."""


def settings(sections: Mapping[str, Mapping[str, Any]] = {}) -> Settings:
    """Return the configuration with further sections."""
    values = {"labels": {"topic": "labels"}, **SECTIONS, **sections}
    flat = {f"{name}.{key}": value for name, section in values.items() for key, value in section.items()}
    return load_settings(None, {}, flat)


def model() -> ModelSettings:
    """Return the settings of each model."""
    return settings().defaults
