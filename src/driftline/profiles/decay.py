"""References in which recent events weigh more."""

from __future__ import annotations

from msgspec import Struct


class Decay(Struct, frozen=True, tag="decay", array_like=True):
    """How the events of a reference were weighted.

    Parameters
    ----------
    half_life_ms : int
        Age, before the last event, at which an event weighs half.
    n_events : int
        Events that were counted; the profile's own number is the effective one.
    """

    half_life_ms: int
    n_events: int
