"""Encodes numbers on the grids of a profile, all columns at once."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from driftline.native.library import library
from driftline.native.program import Text, taken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class _Numbers(ctypes.Structure):
    _fields_ = (
        ("edges", ctypes.c_void_p),
        ("n_all_edges", ctypes.c_size_t),
        ("n_edges", ctypes.c_void_p),
        ("scales", ctypes.c_void_p),
        ("rows", ctypes.c_void_p),
        ("n_columns", ctypes.c_size_t),
        ("values", ctypes.c_void_p),
        ("n_rows", ctypes.c_size_t),
        ("bins", ctypes.c_void_p),
        ("n_bins", ctypes.c_size_t),
        ("z", ctypes.c_void_p),
        ("squares", ctypes.c_void_p),
        ("clipped", ctypes.c_void_p),
    )


class NumberGrids:
    """Encodes c numeric columns.

    Parameters
    ----------
    functions : CDLL
        The native library.
    edges : sequence of ndarray of float64
        The grid of each column.
    scales : ndarray of float64, shape (c, 4)
        Mean, spread (1 where the reference has none), and where the bins inside the reference's range begin and end.
    """

    def __init__(
        self, functions: ctypes.CDLL, edges: Sequence[NDArray[np.float64]], scales: NDArray[np.float64]
    ) -> None:
        self._functions = functions
        self._n_edges = np.array([each.size for each in edges], dtype=np.uint64)
        self._edges = np.concatenate([*edges, np.empty(0)])
        self._scales = np.ascontiguousarray(scales)

    def __call__(
        self, values: NDArray[np.float64], bins: NDArray[np.int64], rows: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
        """Return z, squares and which were clipped, each of shape (c, n), and what is outside the reference's range.

        Parameters
        ----------
        values : ndarray of float64, shape (c, n)
            Not-a-number where there is none.
        bins : ndarray of int64, shape (k, n)
            Written to: the bin of each value, or -1 - quality code where there is none.
        rows : ndarray of uint64, shape (c,)
            Which row of ``bins`` each column has.

        Returns
        -------
        z, squares : ndarray of int64
            In fixed point; 0 where there is no finite value.
        clipped : ndarray of bool
        tails : ndarray of int64, shape (t, 3)
            Column, event and standardised value in units of 2⁻²⁰ of each value outside, by column, then event.

        Raises
        ------
        FormatError
            When the library fails.
        """
        values = np.ascontiguousarray(values)
        z, squares = np.empty(values.shape, dtype=np.int64), np.empty(values.shape, dtype=np.int64)
        clipped = np.empty(values.shape, dtype=np.bool_)
        numbers = _Numbers(
            self._edges.ctypes.data,
            self._edges.size,
            self._n_edges.ctypes.data,
            self._scales.ctypes.data,
            rows.ctypes.data,
            self._n_edges.size,
            values.ctypes.data,
            values.shape[1],
            bins.ctypes.data,
            bins.size,
            z.ctypes.data,
            squares.ctypes.data,
            clipped.ctypes.data,
        )
        text = Text()
        code = self._functions.driftline_encode_numbers(ctypes.byref(numbers), ctypes.byref(text))
        tails = np.frombuffer(taken(self._functions, code, text), dtype="<i8").reshape(-1, 3)
        return z, squares, clipped, tails


def number_grids(edges: Sequence[NDArray[np.float64]], scales: NDArray[np.float64]) -> NumberGrids | None:
    """Return what encodes columns; None where there is no native library.

    Raises
    ------
    ConfigurationError
        As :func:`~driftline.native.library.library` does.
    """
    functions = library()
    return None if functions is None else NumberGrids(functions, edges, scales)
