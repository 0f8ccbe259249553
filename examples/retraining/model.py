"""The model: river's logistic regression on scaled numbers and one-hot categories, trained once and then frozen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from river import compose, linear_model, optim, preprocessing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NUMBERS: Final = ("age", "income", "debt_ratio", "credit_lines", "tenure_months")
TYPICAL: Final = {"income": 42_000.0, "tenure_months": 36.0}
"""Stands in for what an applicant did not say."""
THRESHOLD: Final = 0.5
EPOCHS: Final = 3


class Example(NamedTuple):
    """A labelled applicant."""

    features: dict[str, Any]
    label: int


class CreditModel:
    """A version of the model.

    Parameters
    ----------
    version : str
    examples : sequence of Example
        Labelled applicants in the order of time.
    """

    def __init__(self, version: str, examples: Sequence[Example]) -> None:
        self.version = version
        numbers = compose.SelectType(float) | preprocessing.StandardScaler()
        categories = compose.SelectType(str) | preprocessing.OneHotEncoder()
        self._model = (numbers + categories) | linear_model.LogisticRegression(optim.SGD(0.02))
        for _ in range(EPOCHS):
            for example in examples:
                self._model.learn_one(_prepared(example.features), bool(example.label))

    def score(self, features: dict[str, Any]) -> float:
        """Return the probability of a default."""
        return round(float(self._model.predict_proba_one(_prepared(features))[True]), 6)

    def decide(self, score: float) -> int:
        """Return the prediction that a score means: 1 for a default."""
        return int(score >= THRESHOLD)


def _prepared(features: dict[str, Any]) -> dict[str, float | str]:
    known = {name: TYPICAL.get(name, "unknown") if value is None else value for name, value in features.items()}
    numbers: dict[str, float | str] = {name: float(known[name]) for name in NUMBERS}
    numbers["income"] = math.log(float(known["income"]))
    return {**numbers, **{name: str(known[name]) for name in known.keys() - numbers.keys()}}


def accuracy(answers: Iterable[tuple[int, int]]) -> float:
    """Return the fraction of predictions, first, that are the label, second."""
    hits = [prediction == label for prediction, label in answers]
    return sum(hits) / len(hits)
