"""The model: will the flight that leaves now arrive 15 minutes late? It learns from two months and is frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from examples.flights.data import CATEGORIES, FEATURES, NUMBERS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

SEED = 2013
SAMPLE = 10_000
"""Flights on which importances are measured."""


def trained(rows: pd.DataFrame) -> Pipeline:
    """Return a classifier that has learnt from the flights among these that arrived."""
    arrived = rows[rows["late"].notna()]
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = make_column_transformer(("passthrough", [*NUMBERS]), (codes, [*CATEGORIES]))
    model = make_pipeline(columns, HistGradientBoostingClassifier(random_state=SEED))
    return model.fit(arrived[[*FEATURES]], arrived["late"].astype(bool))


def scores(model: Pipeline, rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return the probability of being late for each flight, rounded to what a score needs."""
    late: NDArray[np.float64] = model.predict_proba(rows[[*FEATURES]])[:, 1]
    return late.round(4)


def importances(model: Pipeline, rows: pd.DataFrame) -> dict[str, float]:
    """Return how much accuracy the model loses where a feature is shuffled, on flights it has not learnt from."""
    sample = rows[rows["late"].notna()].sample(SAMPLE, random_state=SEED)
    lost = permutation_importance(
        model, sample[[*FEATURES]], sample["late"].astype(bool), n_repeats=5, random_state=SEED
    )
    means = (max(0.0, float(mean)) for mean in lost.importances_mean)
    return {name: round(mean, 4) for name, mean in zip(FEATURES, means, strict=True)}
