"""The numbers of an embedding's columns: right, and the same to the bit in whatever batch a vector comes."""

from __future__ import annotations

import numpy as np
import pytest

from driftline.sketches.columns import EmbeddingColumn
from driftline.sketches.embeddings import (
    DIMENSIONS,
    MAX_LENGTH,
    VALUE_BITS,
    EmbeddingReader,
    odd_vectors,
    unfolded,
    weight_bits,
)


def column(part: str, length: int, direction: np.ndarray | None = None, **others: float) -> EmbeddingColumn:
    weights = b""
    if direction is not None:
        weights = np.rint(np.ldexp(direction, weight_bits(length))).astype("<i4").tobytes()
    own = (f"e.{part}", "feature", b"", 0.0, 0.0, 0.0, 0.0, "e", length, part, weights)
    return EmbeddingColumn(*own, **others)  # type: ignore[arg-type]  # by position


def orthonormal(n: int, length: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(5).normal(size=(length, n)))[0].T


@pytest.mark.parametrize("length", [2, 8, 100, DIMENSIONS])
@pytest.mark.parametrize("size", [1e-140, 1e-6, 1.0, 1e140])
def test_norm_scores_and_rest_are_those_of_linear_algebra(length: int, size: float) -> None:
    n_directions = min(3, length)
    *scores, along = orthonormal(n_directions, length)
    vectors = np.random.default_rng(1).normal(0.3, 1.0, (50, length)) * size
    offset = 0.2 * size
    parts = [column("norm", length), column("rest", length, along, offset=offset)]
    parts += [column("score", length, each) for each in scores]
    norm, rest, *found = EmbeddingReader(parts)(vectors)
    norms = np.linalg.norm(vectors / size, axis=1)
    np.testing.assert_allclose(norm / size, norms, rtol=1e-6)
    for values, each in zip(found, scores, strict=True):
        np.testing.assert_allclose(values / size, vectors / size @ each, atol=1e-5 * norms.max())
    left = vectors / size - 0.2 * along
    left -= sum(np.outer(left @ each, each) for each in scores)
    np.testing.assert_allclose(rest / size, np.linalg.norm(left, axis=1), atol=3e-3 * norms.max())


def test_longer_vectors_are_folded_with_fixed_signs() -> None:
    length = DIMENSIONS + 100
    weights = orthonormal(1, DIMENSIONS).T
    spread = unfolded(weights, length)
    assert np.array_equal(spread[:DIMENSIONS], weights)
    assert np.array_equal(np.abs(spread[DIMENSIONS:]), np.abs(weights[:100]))
    signs = np.sign(spread[DIMENSIONS:, 0]) * np.sign(weights[:100, 0])
    assert 20 < (signs > 0).sum() < 80


@pytest.mark.parametrize("length", [8, 768, DIMENSIONS + 1, MAX_LENGTH])
def test_a_vector_has_the_same_numbers_in_any_batch(length: int) -> None:
    n = 7
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(n, length)) * 10.0 ** rng.integers(-3, 3, (n, 1))
    directions = orthonormal(2, min(length, DIMENSIONS))
    parts = [column("norm", length), column("rest", length, directions[0], offset=0.1)]
    parts += [column("score", length, directions[1])]
    read = EmbeddingReader(parts)
    together = read(vectors)
    one_by_one = np.concatenate([read(vectors[i : i + 1]) for i in range(n)], axis=1)
    backwards = read(np.asfortranarray(vectors[::-1]))[:, ::-1]
    assert np.array_equal(together, one_by_one)
    assert np.array_equal(together, backwards)


def test_sums_of_products_are_whole_numbers_that_are_exact() -> None:
    for length in (8, DIMENSIONS, DIMENSIONS + 1, 3 * DIMENSIONS, MAX_LENGTH):
        folds = -(-length // DIMENSIONS)
        norm_of_vector = 2.0**VALUE_BITS * np.sqrt(length)
        norm_of_weights = 2.0 ** weight_bits(length) * np.sqrt(folds) + np.sqrt(length) / 2
        assert norm_of_vector * norm_of_weights < 2.0**53


def test_values_are_rounded_to_their_unit() -> None:
    (norm,) = EmbeddingReader([column("norm", 2, unit=0.25)])(np.array([[3.0, 4.0], [0.6, 0.8000001], [0.0, 0.0]]))
    assert norm.tolist() == [5.0, 1.0, 0.0]


def test_vectors_that_are_not_finite_are_told() -> None:
    assert odd_vectors(np.array([[1.0, 2.0], [np.nan, np.inf], [-np.inf, 0.0]])) == [(1, 1), (2, 2)]
