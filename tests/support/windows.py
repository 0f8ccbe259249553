"""Profiles and windows of chosen rows, for the tests of the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from driftline.checks.columns import window_check
from driftline.checks.contract.closed_window import ClosedWindow
from driftline.checks.contract.common_fields import topic_fields
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.contract.ladder import judge
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.input_settings import LabelInput
from driftline.config.model import DispersionSettings, ModelSettings
from driftline.config.settings import Settings
from driftline.events.finding import LevelEvidence
from driftline.events.model_key import ModelKey
from driftline.events.source import LABEL_STREAM
from driftline.profiles.building.build import UNWEIGHTED, TimeOptions, build_profile
from driftline.profiles.building.column_values import encode_values
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.encoding import EncodedColumns
from driftline.sketches.pane_sketch import count_each
from driftline.sketches.rare_categories import RareCategories

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.checks.contract.check import Outcome
    from driftline.checks.contract.verdict import Verdict
    from driftline.events.finding import FindingEvent
    from driftline.events.window import WindowEvent
    from driftline.profiles.profile import Profile
    from driftline.profiles.task import Origin

KEY = ModelKey("m", "2")
HOUR = 3_600_000
PANE_MS = 10_000


def independent(settings: ModelSettings | None = None) -> ModelSettings:
    """Return settings that take events as independent, which those of the tests are."""
    settings = settings or ModelSettings()
    checks = msgspec.structs.replace(settings.checks, dispersion=DispersionSettings(mode="independent"))
    return settings.replace(checks=checks)


def budget_of(settings: ModelSettings | None = None, *, labels: bool = False) -> ErrorBudget:
    defaults = independent(settings)
    return ErrorBudget.of(Settings(labels=LabelInput() if labels else None, defaults=defaults), KEY.model)


def examine_window(profile: Profile, window: ClosedWindow, budget: ErrorBudget) -> Verdict[WindowEvent]:
    return window_check.examine_window(ReferenceView(profile, budget.settings, PANE_MS), window, budget)


def judged(outcomes: Iterable[Outcome], level: float) -> list[FindingEvent]:
    """Return what outcomes of one case come to at a level within the budget, in whatever window."""
    levels = [LevelEvidence(level=level, n_tests=1, derivation="test")]
    return judge(outcomes, levels, topic_fields(LABEL_STREAM, (0, HOUR), {}, (), budget_of()))


def table_of(n: int, seed: int = 0, *, mean: float = 0.0, missing: float = 0.0, web: float = 0.5) -> ReferenceTable:
    rng = np.random.default_rng(seed)
    x = rng.normal(mean, 1, n)
    x[rng.random(n) < missing] = np.nan
    channels = np.where(rng.random(n) < web, "web", "branch").tolist()
    scores = np.round(rng.random(n), 6)
    return ReferenceTable(
        n=n,
        features={"x": x, "channel": channels},
        prediction=(scores > 0.5).astype(int).tolist(),
        score=scores.tolist(),
    )


def profile_of(
    table: ReferenceTable,
    settings: ModelSettings | None = None,
    origin: Origin = "training",
    *,
    grid_only: bool = False,
    in_time: TimeOptions = UNWEIGHTED,
) -> Profile:
    return build_profile(KEY, table, settings or ModelSettings(), 0, origin, grid_only=grid_only, in_time=in_time)


def window_of(
    profile: Profile,
    table: ReferenceTable,
    kind: Literal["tumbling", "sliding"] = "tumbling",
    flags: tuple[str, ...] = (),
) -> ClosedWindow:
    values: dict[str, Sequence[object] | np.ndarray] = {**table.features}
    values |= {"prediction": table.prediction or [], "score": table.score or []}
    encoded = [encode_values(column, values[column.name]) for column in profile.columns]
    names = [column.name for column in profile.columns]
    rare = {i: RareCategories(profile.rare[name]) for i, name in enumerate(names) if name in profile.rare}
    columns = EncodedColumns.of(encoded, table.n)._replace(rare=rare)
    sketch = next(count_each(profile.layout, columns, np.zeros(table.n, dtype=np.int64), 1))
    return ClosedWindow(
        key=KEY,
        segment="all",
        kind=kind,
        start_ms=10 * HOUR,
        end_ms=11 * HOUR,
        size_ms=HOUR,
        sketch=sketch,
        offsets={3: (5, 9), 11: (7, 8)},
        flags=flags,
    )
