"""What must hold for requests to retrain and for proposals: they need labels, and a span that can be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.config.durations import Duration
from driftline.config.places import child
from driftline.config.problem import one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.model import ModelSettings
    from driftline.config.problem import Problem
    from driftline.config.settings import Settings

MAX_WINDOWS: Final = 2_000
"""Performance windows of a span at most: of each one vector is kept."""


def retraining_problems(model: ModelSettings, path: str) -> Iterator[Problem]:
    """Yield what is wrong between the settings of one model, whose section stands at ``path``."""
    size, size_path = model.windows.performance, f"{path}.windows.performance"
    longest = Duration(MAX_WINDOWS * int(size))
    spans = {"retraining": model.retraining.span if model.retraining.enabled else None}
    spans["proposals"] = model.proposals.span if model.proposals.wanted else None
    for name, span in spans.items():
        if span is not None and size > 0 and not size <= span <= longest:
            expected = f"a span from a performance window ({size}) to {MAX_WINDOWS:,} of them ({longest})"
            yield one(expected, str(span), f"{path}.{name}.span", size_path)
    if model.proposals.wanted and model.task in ("multiclass", "regression"):
        yield one("no proposals for a task that is not binary", model.task, f"{path}.proposals", f"{path}.task")


def without_labels(settings: Settings) -> Iterator[Problem]:
    """Yield where a model wants what labels are needed for, and no labels are configured."""
    if settings.labels is not None:
        return
    models = {"$.defaults": settings.defaults}
    models |= {child("$.models", name): model for name, model in settings.models.items()}
    for path, model in models.items():
        wanted = {"retraining": model.retraining.enabled, "proposals": model.proposals.wanted}
        for name, is_wanted in wanted.items():
            if is_wanted:
                yield one(f"a section `labels`, as {name} needs them", "none", f"{path}.{name}", "$.labels")
