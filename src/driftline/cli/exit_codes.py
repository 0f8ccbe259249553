"""The exit codes that scripts can rely on."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from driftline.errors import (
    BrokerError,
    ConfigurationError,
    DriftlineError,
    EventError,
    FormatError,
    ParameterError,
    ProfileError,
)


class ExitCode(IntEnum):
    """The exit codes of all commands; their numbers never change."""

    OK = 0
    """All went well."""
    FOUND = 1
    """A check found differences or problems."""
    CONFIGURATION = 2
    """The command line or the configuration is wrong."""
    BROKER = 3
    """Kafka cannot be reached, or is set up in a way driftline cannot work with."""
    DATA = 4
    """Data or state cannot be used: a profile, a file of events, bytes of an unknown version."""
    ALERTS = 5
    """Alerts opened of the severity that ``--fail-on`` names, or of a greater one."""
    NO_VERDICT = 6
    """A backtest evaluated no window; it says why."""
    UNUSABLE = 7
    """Problems would keep events out of the results; ``doctor`` says which."""
    INTERRUPTED = 130
    """Ctrl-C."""


_BY_ERROR: Final[tuple[tuple[type[DriftlineError], ExitCode], ...]] = (
    (ConfigurationError, ExitCode.CONFIGURATION),
    (ParameterError, ExitCode.CONFIGURATION),
    (BrokerError, ExitCode.BROKER),
    (EventError, ExitCode.DATA),
    (FormatError, ExitCode.DATA),
    (ProfileError, ExitCode.DATA),
)

EPILOG: Final = (
    "Exit codes: 0 all went well; 1 a check found differences or problems; 2 the command line or the configuration is "
    "wrong; 3 Kafka cannot be reached or is set up wrongly; 4 data or state cannot be used; 5 alerts opened "
    "(`--fail-on`); 6 a backtest evaluated no window; 7 problems would keep "
    "events out (`doctor`); 130 interrupted."
)


def exit_code(error: DriftlineError) -> ExitCode:
    """Return the exit code of an error."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.FOUND)
