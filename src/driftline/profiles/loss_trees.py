"""Boosted oblivious trees over coarse codes of a profile's columns: a small model of two losses at once.

An oblivious tree asks the same question of all events at each of its levels, so a batch is evaluated with one
comparison a level, and the answers are the bits of the leaf's number.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEPTH: Final = 6
N_TREES: Final = 150
MAX_CODES: Final = 255
"""Codes of a column at most."""
SHRINKAGE: Final = 0.2
"""Part of each tree's answer that counts."""
RIDGE: Final = 10.0
"""Events without any loss beyond the mean, by which each leaf is drawn to zero."""
_RUN: Final = 8_192
"""Events evaluated together: few enough for what a tree asks of them to stay in the processor's cache."""


class LossTrees(Struct, frozen=True, array_like=True, dict=True):
    """The trees.

    Notes
    -----
    *State*: 524 bytes a tree. *Cost*: DEPTH comparisons and one lookup a tree and event.
    """

    base: tuple[float, float]
    """The mean of each loss."""
    splits: bytes
    """uint8, shape (t, DEPTH, 2): position of a column, and the greatest code that goes left."""
    leaves: bytes
    """float32 little-endian, shape (t, 2^DEPTH, 2)."""

    @cached_property
    def _questions(self) -> list[list[tuple[int, int]]]:
        splits = np.frombuffer(self.splits, dtype=np.uint8).reshape(-1, DEPTH, 2)
        return [[(int(column), int(code)) for column, code in tree] for tree in splits.tolist()]

    @cached_property
    def _answers(self) -> NDArray[np.complex128]:
        """Shape (t, 2^DEPTH): one loss in the real part, the other in the imaginary, so one lookup serves both."""
        answers = np.frombuffer(self.leaves, dtype="<f4").astype(np.float64)
        return answers.view(np.complex128).reshape(-1, 1 << DEPTH)

    def __call__(self, codes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return what both losses are expected to be, shape (2, n), of codes of shape (columns, n)."""
        expected = np.full(codes.shape[1], complex(*self.base))
        for start in range(0, codes.shape[1], _RUN):
            self._run(codes[:, start : start + _RUN], expected[start : start + _RUN])
        return np.stack([expected.real, expected.imag])

    def _run(self, codes: NDArray[np.uint8], expected: NDArray[np.complex128]) -> None:
        at, answer = np.empty(expected.size, dtype=np.intp), np.empty(expected.size, dtype=np.complex128)
        leaf, above = np.empty(expected.size, dtype=np.uint8), np.empty(expected.size, dtype=np.bool_)
        for questions, answers in zip(self._questions, self._answers, strict=True):
            at[:] = leaf_of(codes, questions, leaf, above)
            np.take(answers, at, out=answer, mode="clip")  # the mode that writes without a copy
            expected += answer


def leaf_of(
    codes: NDArray[np.uint8], questions: list[tuple[int, int]], leaf: NDArray[np.uint8], above: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return the leaf of each event, shape (n,): the first question's answer is the lowest bit.

    ``leaf``, which is returned, and ``above`` are overwritten.
    """
    leaf.fill(0)
    for column, code in reversed(questions):
        np.greater(codes[column], code, out=above)
        np.add(leaf, leaf, out=leaf)
        np.bitwise_or(leaf, above.view(np.uint8), out=leaf)
    return leaf


def grow(codes: NDArray[np.uint8], losses: NDArray[np.float64]) -> LossTrees:
    """Return trees that were fitted to losses by least squares.

    Parameters
    ----------
    codes : ndarray of uint8, shape (columns, n)
        Below ``MAX_CODES``.
    losses : ndarray of float64, shape (2, n)

    Notes
    -----
    *Source*: Friedman (2001), doi:10.1214/aos/1013203451, algorithm 2 (least squares); oblivious trees as in
    Prokhorenkova et al. (2018), doi:10.48550/arXiv.1706.09516, section 4. Deviations: one tree serves both losses, each
    divided by its standard deviation where splits are chosen. Their number is fixed: fewer, chosen on rows held out,
    would leave rare events nearer to the mean of all, and it is those that a shift makes common. So would questions
    chosen on a part of the rows.
    *Cost*: trees x depth x columns x 3 passes over the rows.
    """
    base = losses.mean(axis=1)
    scale = np.maximum(losses.std(axis=1), np.finfo(np.float64).tiny)
    rest = (losses - base[:, None]) / scale[:, None]
    splits, leaves = [], []
    leaf, above = np.empty(codes.shape[1], dtype=np.uint8), np.empty(codes.shape[1], dtype=np.bool_)
    for _ in range(N_TREES):
        questions = _questions(codes, rest)
        at = leaf_of(codes, questions, leaf, above)
        n_rows = np.bincount(at, minlength=1 << DEPTH)
        sums = np.stack([np.bincount(at, weights=each, minlength=1 << DEPTH) for each in rest])
        answers = SHRINKAGE * sums / (n_rows + RIDGE)
        rest -= answers[:, at]
        splits.append(questions)
        leaves.append(answers.T * scale)
    return LossTrees(
        (float(base[0]), float(base[1])),
        np.array(splits, dtype=np.uint8).tobytes(),
        np.array(leaves, dtype="<f4").tobytes(),
    )


def _questions(codes: NDArray[np.uint8], rest: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the questions of the next tree, level by level the one after which the least is left."""
    leaf = np.zeros(codes.shape[1], dtype=np.int64)
    questions: list[tuple[int, int]] = []
    for level in range(DEPTH):
        gains = np.stack([_gains(leaf * MAX_CODES + column, rest, 1 << level) for column in codes])
        best = int(gains.argmax())
        column, code = divmod(best, MAX_CODES)
        questions.append((column, code))
        leaf += (codes[column] > code).astype(np.int64) << level
    return questions


def _gains(keys: NDArray[np.int64], rest: NDArray[np.float64], n_leaves: int) -> NDArray[np.float64]:
    """Return what a split after each code explains, shape (MAX_CODES,); keys are leaf and code."""
    shape = (n_leaves, MAX_CODES)
    length = n_leaves * MAX_CODES
    n_left = np.bincount(keys, minlength=length).reshape(shape).cumsum(axis=1)
    n_right = n_left[:, -1:] - n_left
    gains = np.zeros(MAX_CODES)
    for each in rest:
        left = np.bincount(keys, weights=each, minlength=length).reshape(shape).cumsum(axis=1)
        right = left[:, -1:] - left
        gains += (left * left / (n_left + RIDGE) + right * right / (n_right + RIDGE)).sum(axis=0)
    return gains
