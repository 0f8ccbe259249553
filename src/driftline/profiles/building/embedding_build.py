"""The columns that a reference's embeddings make: norm, rest, and scores on the leading principal directions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from msgspec import structs

from driftline.profiles.building.column_values import numeric_column
from driftline.profiles.building.joint_build import spaced
from driftline.sketches.columns import EmbeddingColumn
from driftline.sketches.embeddings import (
    DIMENSIONS,
    N_SCORES,
    EmbeddingReader,
    odd_vectors,
    unfolded,
    weight_bits,
)
from driftline.sketches.encoding import EncodedColumn, encode_numeric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.profiles.building.vectors import Vectors
    from driftline.sketches.columns import EmbeddingPart

SAMPLE: Final = 2_000
"""Vectors that the directions are made of."""
_RUN: Final = 1_000
"""Vectors made numbers together."""
_VARIES: Final = 1e-6
"""Share of the variance below which a direction says nothing that the others do not."""
_RESOLUTION_BITS: Final = 10
"""Norm and rest are told in steps of about a thousandth of the norm: vectors of norm 1 that are written with fewer
digits stay of norm 1."""


def part_names(name: str) -> tuple[str, ...]:
    """Return the names of all columns that an embedding can have.

    Examples
    --------
    >>> part_names("e")[:3]
    ('e.norm', 'e.rest', 'e.1')
    """
    return (f"{name}.norm", f"{name}.rest", *(f"{name}.{number}" for number in range(1, N_SCORES + 1)))


def embedding_columns(name: str, vectors: Vectors) -> list[EmbeddingColumn]:
    """Return the columns of an embedding: ``name.norm``, ``name.rest``, and ``name.1`` to at most ``name.8``.

    Parameters
    ----------
    name : str
        The feature that holds the vectors.
    vectors : Vectors

    Returns
    -------
    list of EmbeddingColumn
        The scores are those on the directions in which a sample of the vectors varies most, in the order of their
        variance. The rest is a vector's distance from its projection on the hyperplane that they span through the mean.

    Notes
    -----
    *Source*: principal component analysis, Jolliffe (2002), doi:10.1007/b98835. The rest is the reconstruction error.
    """
    finite = _finite(vectors)
    parts = _parts(name, finite, vectors.length)
    values = _values(parts, finite)
    return [_with_grid(part, value) for part, value in zip(parts, values, strict=True)]


def encode_embedding(columns: Sequence[EmbeddingColumn], vectors: Vectors) -> list[EncodedColumn]:
    """Return the bins of all columns of one embedding; ``vectors`` are of its length."""
    odd = odd_vectors(vectors.matrix)
    exceptions = [*vectors.exceptions, *((int(vectors.rows[row]), code) for row, code in odd)]
    numbers = np.full((len(columns), vectors.n), np.nan)
    whole = np.delete(np.arange(vectors.rows.size), [row for row, _ in odd])
    numbers[:, vectors.rows[whole]] = _values(columns, vectors.matrix[whole])
    return [encode_numeric(column, values, exceptions) for column, values in zip(columns, numbers, strict=True)]


def _finite(vectors: Vectors) -> NDArray[np.floating[Any]]:
    finite: NDArray[np.floating[Any]] = vectors.matrix[np.isfinite(vectors.matrix).all(axis=1)]
    return finite


def _values(columns: Sequence[EmbeddingColumn], matrix: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the values of columns, shape (k, n), of n finite vectors."""
    read = EmbeddingReader(columns)
    runs = [read(matrix[start : start + _RUN].astype(np.float64)) for start in range(0, len(matrix), _RUN)]
    return np.concatenate([np.empty((len(columns), 0)), *runs], axis=1)


def _parts(name: str, finite: NDArray[np.floating[Any]], length: int) -> list[EmbeddingColumn]:
    """Return the columns without their grids."""
    sample = finite[spaced(len(finite), SAMPLE)].astype(np.float64)
    exponent = math.frexp(float(np.abs(sample).max(initial=0.0)))[1]
    scaled = np.ldexp(sample, -exponent)  # so that no square leaves the range of numbers
    folded = _folded(scaled, length)
    mean = folded.mean(axis=0) if len(folded) else np.zeros(min(length, DIMENSIONS))
    directions = _principal_directions(folded - mean)
    beside = mean - directions.T @ (directions @ mean)
    offset = math.sqrt(float(beside @ beside))
    if offset <= _VARIES * math.sqrt(float(mean @ mean)):
        beside, offset = np.zeros(mean.size), 0.0
    along_mean = beside / offset if offset else beside
    typical = float(np.sqrt(np.square(scaled).sum(axis=1)).mean()) if len(scaled) else 0.0
    unit = math.ldexp(1.0, math.frexp(typical)[1] - 1 - _RESOLUTION_BITS + exponent) if typical else 0.0

    def part(label: str, kind: EmbeddingPart, weights: bytes, offset: float, unit: float) -> EmbeddingColumn:
        own = (name, length, kind, weights, offset, unit)
        return EmbeddingColumn(f"{name}.{label}", "feature", b"", 0.0, 0.0, 0.0, 0.0, *own)

    return [
        part("norm", "norm", b"", 0.0, unit),
        part("rest", "rest", _whole_weights(along_mean, length), math.ldexp(offset, exponent), unit),
        *(part(f"{i}", "score", _whole_weights(each, length), 0.0, 0.0) for i, each in enumerate(directions, start=1)),
    ]


def _with_grid(part: EmbeddingColumn, values: NDArray[np.float64]) -> EmbeddingColumn:
    grid = numeric_column(part.name, part.role, values[np.isfinite(values)])
    names = ("edge_bytes", "mean", "spread", "minimum", "maximum")
    return structs.replace(part, **{name: getattr(grid, name) for name in names})


def _folded(sample: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return vectors in at most ``DIMENSIONS`` numbers, on which directions have the products that readers form."""
    if length <= DIMENSIONS:
        return sample
    signs = unfolded(np.ones((DIMENSIONS, 1)), length)[:, 0]
    folded = np.zeros((len(sample), DIMENSIONS))
    for start in range(0, length, DIMENSIONS):
        piece = sample[:, start : start + DIMENSIONS] * signs[start : start + DIMENSIONS]
        folded[:, : piece.shape[1]] += piece
    return folded


def _principal_directions(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the leading principal directions of n centred vectors, at most ``N_SCORES``, shape (k, d).

    Of each direction the number of the largest size is positive. Where vectors vary in fewer directions, or there are
    none, there are fewer.
    """
    n, d = centred.shape
    few_rows = n < d
    variances, vectors = np.linalg.eigh(centred @ centred.T if few_rows else centred.T @ centred)
    kept = [i for i in np.argsort(-variances)[:N_SCORES].tolist() if variances[i] > _VARIES * variances.sum()]
    directions = vectors[:, kept].T @ centred if few_rows else vectors[:, kept].T
    directions /= np.sqrt(np.square(directions).sum(axis=1, keepdims=True))
    largest = directions[np.arange(len(kept)), np.abs(directions).argmax(axis=1)]
    signed: NDArray[np.float64] = directions * np.sign(largest)[:, None]
    return signed


def _whole_weights(direction: NDArray[np.float64], length: int) -> bytes:
    return np.rint(np.ldexp(direction, weight_bits(length))).astype("<i4").tobytes()
