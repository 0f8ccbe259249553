"""How near the checks of an open signal are to being over: hysteresis, so that a borderline effect does not flap.

A check that had findings while a signal was open is over after m clean windows in a row, and the signal is over when
all its checks are. A window is clean for a check when its test sees nothing, or an effect below ``alerts.close_below``
of the gate. So a signal opens at the gate and stays open until the effect has fallen to a fraction of it, like a
thermostat that switches on and off at two temperatures. An effect between the two opens nothing, and of a check that
was over already it keeps nothing open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def after_findings(clean: Mapping[str, int], found: Collection[str]) -> dict[str, int]:
    """Return clean windows in a row by check, after findings of some checks in a window of any size.

    Parameters
    ----------
    clean : mapping of str to int
        Clean windows in a row of each check that keeps the signal open.
    found : collection of str
        Checks with findings, as :func:`driftline.alerts.policy.check_key` names them.
    """
    return {**clean, **dict.fromkeys(found, 0)}


def after_window(
    clean: Mapping[str, int], found: Collection[str], lingering: Collection[str], needed: int
) -> dict[str, int]:
    """Return clean windows in a row by check, after a window of the size that can resolve the signal.

    Parameters
    ----------
    clean, found
        As in :func:`after_findings`.
    lingering : collection of str
        Checks whose effect is real and below the gate, but not far enough below.
    needed : int
        Clean windows in a row after which a check is over, at least 1.

    Returns
    -------
    dict of str to int
        Without the checks that are over; empty where the signal is.

    Examples
    --------
    >>> clean = after_window({}, ["psi/x"], [], 2)
    >>> clean = after_window(clean, [], ["psi/x", "psi/y"], 2)
    >>> clean
    {'psi/x': 0}
    >>> after_window(after_window(clean, [], [], 2), [], ["psi/y"], 2)
    {}
    """
    counted = {key: 0 if key in lingering else n + 1 for key, n in clean.items() if key not in found}
    return after_findings({key: n for key, n in counted.items() if n < needed}, found)
