"""Tail of a quadratic form in normal variables, by a contour integral through the saddlepoint, without cancellation.

For Q = Σ wⱼ χ²₁ⱼ − c χ²_ν with independent terms, and any contour that crosses the real axis between 0 and 1/2 (the
weights divided by the largest)::

    P(Q > t) = 1/(2πi) ∫ exp φ(s) ds,   φ(s) = −½ Σ log(1 − 2 wⱼ s) − ν/2 log(1 + 2 c s) − t s − log s

On the real axis φ is convex, with its minimum at the saddlepoint ŝ. There the integrand along the contour has its peak,
whose height is of the order of the tail, so at p = 10⁻³⁰⁰ as at 0.5 no digits cancel. (Imhof's and Davies' integrals
run through s = 0, where the integrand is of size 1; they lose all digits below 10⁻¹² or so.) The contour is a hyperbola
that opens to the right like the path of steepest descent, s(u) = ŝ + A (sin(α + iu) − sin α), with A = φ″(ŝ)^(−1/2),
the width of the peak, and a bend α that decreases with the number of weights. The trapezoidal rule converges
exponentially there. Every sum is compared with the sum over every other node; in the rare case that the two differ it
is repeated on a straighter contour with more nodes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from driftline.significance.tails import Floats

_STEP = 1 / 6
"""Step of the trapezoidal rule."""
_NODES = 24
"""Nodes summed at a time, an even number: most tails need one or two rounds."""
_NEGLIGIBLE = 1e-14
"""A term this small beside the peak ends the sum; terms fall at least as exp(−u/2)."""
_SAME = 1e-4
"""Relative difference from the sum with twice the step up to which a sum is accepted; its error is about the square.
After a refinement the two must be closer."""
_REFINEMENTS = (1, 4, 16, 64)
"""Divisors of the step, one per attempt; all attempts but the first use a nearly straight contour."""
_BEND, _MOST_BEND = 0.9, math.pi / 4
_MOST_ROUNDS = 2_000
_MOST_STEPS = 100
_LARGEST = 300.0
"""Upper limit of a term's logarithm; reached only on a contour that is bent too far, whose sum is then rejected."""
_CLOSE = 0.05
"""Distance from the saddlepoint, in widths of the peak, at which Newton's method stops: the integral through any nearby
point is the same."""


def contour_tail(t: Floats, weights: Floats, c: Floats, nu: Floats) -> Floats:
    """P(Σ wⱼ χ²₁ⱼ − c χ²_ν > t) per row, to a relative error of 10⁻⁸ or better.

    Parameters
    ----------
    t : NDArray[float64], shape (k,), at least 0, finite
    weights : NDArray[float64], shape (k, m), in [0, 1], the largest of each row 1
    c, nu : NDArray[float64], shape (k,), at least 0, finite
        Weight and degrees of freedom of the subtracted term; t or c × nu is above 0, and c is 0 or nu above 0.

    Returns
    -------
    NDArray[float64], shape (k,), in [0, 1]
        0 only where the true value is below 10⁻³⁰⁰.
    """
    saddle = _saddlepoint(t, weights, c, nu)
    width = 1 / np.sqrt(_derivatives(saddle, t, weights, c, nu)[1])
    bend = np.minimum(_BEND * width / (0.5 - saddle), _MOST_BEND)
    sums = np.zeros_like(saddle)
    rows = np.arange(saddle.size)
    for refinement in _REFINEMENTS:
        form = t[rows], weights[rows], c[rows], nu[rows]
        fine, coarse = _sums(form, saddle[rows], width[rows], bend[rows], _STEP / refinement)
        sums[rows] = fine
        rows = rows[np.abs(fine - coarse) > _SAME / refinement**4 * np.abs(fine)]
        if not rows.size:
            break
        bend[rows] /= 4 * refinement
    peak = _exponent(saddle[:, None], np.zeros((saddle.size, 1)), t, weights, c, nu)[0][:, 0]
    with np.errstate(under="ignore"):
        result: Floats = np.clip(width / np.pi * sums * np.exp(peak), 0.0, 1.0)
    return result


def _sums(
    form: tuple[Floats, Floats, Floats, Floats], saddle: Floats, width: Floats, bend: Floats, step: float
) -> tuple[Floats, Floats]:
    """Return Im ∫ exp(φ(s) − φ(ŝ)) ds / A over the upper half of the contour, with a step and with twice that step."""
    t, weights, c, nu = form
    right, up = width * np.sin(bend), width * np.cos(bend)
    peak = _exponent(saddle[:, None], np.zeros((saddle.size, 1)), *form)[0]
    odd, even = np.zeros_like(saddle), np.cos(bend) / 2
    active = np.arange(saddle.size)
    for block in range(_MOST_ROUNDS):
        u = step * (1 + block * _NODES + np.arange(_NODES))
        cosh, sinh = np.cosh(u), np.sinh(u)
        real, imaginary = _exponent(
            saddle[active, None] + right[active, None] * (cosh - 1),
            up[active, None] * sinh,
            *(t[active], weights[active], c[active], nu[active]),
        )
        # the imaginary part of exp(real + i imaginary) times ds/du / A = sin α sinh u + i cos α cosh u
        size = np.exp(np.minimum(real - peak[active], _LARGEST))
        aside, along = np.sin(bend[active, None]) * sinh, np.cos(bend[active, None]) * cosh
        terms = size * (np.sin(imaginary) * aside + np.cos(imaginary) * along)
        odd[active] += terms[:, ::2].sum(axis=1)
        even[active] += terms[:, 1::2].sum(axis=1)
        active = active[size[:, -1] * cosh[-1] > _NEGLIGIBLE]
        if not active.size:
            break
    return step * (odd + even), 2 * step * even


def _exponent(a: Floats, b: Floats, t: Floats, weights: Floats, c: Floats, nu: Floats) -> tuple[Floats, Floats]:
    """Return the real and the imaginary part of φ(a + ib): shape of `a`, (k, nodes)."""
    t, c, nu = t[:, None], c[:, None], nu[:, None]
    x, y = 2 * a[:, :, None] * weights[:, None, :], 2 * b[:, :, None] * weights[:, None, :]
    below, above = 2 * c * a, 2 * c * b
    real = -np.log((1 - x) ** 2 + y**2).sum(axis=2) / 4
    real -= nu / 4 * np.log1p(below * (2 + below) + above**2) + t * a + np.log(a * a + b * b) / 2
    imaginary = np.arctan2(y, 1 - x).sum(axis=2) / 2
    imaginary -= nu / 2 * np.arctan2(above, 1 + below) + t * b + np.arctan2(b, a)
    return real, imaginary


def _derivatives(s: Floats, t: Floats, weights: Floats, c: Floats, nu: Floats) -> tuple[Floats, Floats]:
    """Return the first and second derivative of φ on the real axis."""
    ratio = weights / (1 - 2 * weights * s[:, None])
    below = c / (1 + 2 * c * s)
    first = ratio.sum(axis=1) - nu * below - t - 1 / s
    second = 2 * (ratio**2).sum(axis=1) + 2 * nu * below**2 + 1 / s**2
    return first, second


def _saddlepoint(t: Floats, weights: Floats, c: Floats, nu: Floats) -> Floats:
    """Return the saddlepoint ŝ in (0, 1/2), the minimum of φ, by Newton's method inside a shrinking bracket."""
    # With all weights 1 and nothing subtracted but its mean, this is a quadratic equation.
    level, total_weight = t + nu * c, weights.sum(axis=1)
    linear = total_weight + 2 - level
    root = np.hypot(linear, np.sqrt(8 * level))
    s = np.where(linear > 0, 2 / (np.abs(linear) + root), (root + np.abs(linear)) / (4 * level))
    low, high = np.zeros_like(s), np.full_like(s, 0.5)
    s = np.clip(s, 1e-12, 0.5 - 1e-12)
    active = np.arange(s.size)
    for _ in range(_MOST_STEPS):
        here = s[active]
        first, second = _derivatives(here, t[active], weights[active], c[active], nu[active])
        low[active] = np.where(first < 0, here, low[active])
        high[active] = np.where(first < 0, high[active], here)
        going = np.abs(first) > _CLOSE * np.sqrt(second)
        active, step = active[going], (here - first / second)[going]
        if not active.size:
            break
        inside = (step > low[active]) & (step < high[active])
        s[active] = np.where(inside, step, (low[active] + high[active]) / 2)
    result: Floats = s
    return result
