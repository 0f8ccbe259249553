"""Waits between attempts: exponential, with full jitter.

*Source*: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015: a wait is uniform between 0 and the
bound, so that notifiers which failed together do not come back together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from driftline.config.notify_settings import RetrySettings


def wait_s(settings: RetrySettings, n_failures: int, random: Random, asked_for_s: float = 0.0) -> float:
    """Return the seconds until the next attempt.

    Parameters
    ----------
    settings : RetrySettings
    n_failures : int
        Failed attempts of this message so far, at least 1.
    random : random.Random
    asked_for_s : float
        What the sink asked for (``Retry-After``), seconds; the wait is at least that.

    Examples
    --------
    >>> from random import Random
    >>> from driftline.config.notify_settings import RetrySettings
    >>> all(0 <= wait_s(RetrySettings(), 3, Random(seed)) <= 4 for seed in range(100))
    True
    """
    bound_s = min(int(settings.longest), int(settings.first) << min(n_failures - 1, 40)) / 1000
    return max(asked_for_s, random.uniform(0.0, bound_s))
