"""An example of each part of the monitor that keeps state: how it is made, and a stretch of its life."""

from typing import Any, Final

from tests.support.state_examples import control, intake, labels, operations, pages, predictions, sequences
from tests.support.state_examples.example import Example

__all__ = ["EXAMPLES", "Example"]

EXAMPLES: Final[list[Example[Any]]] = [
    *control.EXAMPLES,
    *intake.EXAMPLES,
    *labels.EXAMPLES,
    *operations.EXAMPLES,
    *pages.EXAMPLES,
    *predictions.EXAMPLES,
    *sequences.EXAMPLES,
]
