"""What a window shows of errors by the values of features, and whether that can be compared with its baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.events.by_feature import ErrorsByFeature, FeatureErrorRates, ValueErrors
from driftline.sketches.feature_errors import counts_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import FeatureEvidence
    from driftline.config.model import ModelSettings
    from driftline.profiles.feature_groups import FeatureGroups
    from driftline.profiles.profile import Profile

LEAST_BASELINE: Final = 1_000
"""Labelled predictions that the first windows need at least before errors by feature are compared with them."""


def compared_groups(profile: Profile, settings: ModelSettings) -> tuple[FeatureGroups, ...]:
    """Return the features by whose values errors are compared, the most important first."""
    return profile.feature_groups[: settings.performance.by_feature]


def why_not_compared(profile: Profile) -> str | None:
    """Return why errors under a profile are not compared by feature, whatever comes; None where they may be."""
    if profile.task.weighted:
        return "labels have weights"
    if profile.origin == "bootstrap":
        return "driftline learnt the reference from the stream; publish one"
    if not profile.feature_groups:
        return "the reference has no feature with different values"
    if not profile.task.classes and profile.feature_errors is None:
        return (
            "the reference does not say which errors of a regression are large; build it anew from labelled rows, with "
            "`performance.by_feature` set"
        )
    return None


def feature_remarks(profile: Profile, settings: ModelSettings) -> list[str]:
    """Return what a profile lacks for errors to be compared by feature; nothing where they are not to be compared."""
    if not settings.performance.by_feature:
        return []
    why, known = why_not_compared(profile), profile.feature_errors
    if why is not None:
        return [f"errors are not compared by feature: {why}"]
    if known is None or not known.cells.indices:
        first = f"the first {LEAST_BASELINE:,} labelled predictions or more"
        return [f"errors by feature are compared with {first}, as the reference has none: give labelled rows"]
    return []


def why_not_now(profile: Profile, evidence: FeatureEvidence) -> str | None:
    """Return why the errors of a window are not compared by feature; None where they are."""
    why = why_not_compared(profile)
    if why is not None:
        return why
    if not evidence.now.any():
        return "the predictions were made before errors were compared by feature, or under another reference"
    if evidence.before is None:
        return (
            f"the reference has no errors by feature, and the first windows have {evidence.n_baseline:,} of "
            f"{LEAST_BASELINE:,} labels that are needed instead"
        )
    return None


def errors_by_feature_of(
    profile: Profile, settings: ModelSettings, evidence: FeatureEvidence | None
) -> ErrorsByFeature | None:
    """Return what the event says; None where nothing is to be compared."""
    if evidence is None:
        return None
    why, before = why_not_now(profile, evidence), evidence.before
    known = profile.feature_errors
    of_numbers = known is not None and not profile.task.classes
    return ErrorsByFeature(
        why_not=why,
        baseline=evidence.origin if why is None else None,
        limit=known.threshold * profile.task.spread if known is not None and of_numbers else None,
        features=[]
        if why is not None or before is None
        else [
            FeatureErrorRates(column=groups.column.name, groups=_rates(profile, groups, here, there))
            for groups, here, there in zip(
                compared_groups(profile, settings), counts_of(evidence.now), counts_of(before), strict=False
            )
        ],
    )


def value_errors(profile: Profile, values: str, here: NDArray[np.int64], there: NDArray[np.int64]) -> ValueErrors:
    """Return what events say of some values of a feature.

    ``here`` and ``there`` are the labelled predictions of the window and of the baseline by whether they are wrong and
    whether their label is the positive class, shape (2, 2).
    """
    binary = profile.task.kind == "binary"
    return ValueErrors(
        values=values,
        n=int(here.sum()),
        wrong=int(here[1].sum()),
        positive=int(here[:, 1].sum()) if binary else None,
        n_reference=int(there.sum()),
        wrong_reference=int(there[1].sum()),
        positive_reference=int(there[:, 1].sum()) if binary else None,
    )


def _rates(
    profile: Profile, groups: FeatureGroups, here: NDArray[np.int64], there: NDArray[np.int64]
) -> list[ValueErrors]:
    rows = zip(groups.labels, here, there, strict=False)
    return [value_errors(profile, label, now, before) for label, now, before in rows if now.any() or before.any()]
