"""Every error driftline raises on purpose, in one tree.

::

    DriftlineError
    ├── ConfigurationError      the configuration file, the environment or an option is wrong
    ├── ParameterError          a parameter of a sketch, distance, detector or test is out of range
    ├── EventError              one input record is unusable; becomes a dead letter, never leaves the pipeline
    ├── FormatError             bytes that driftline itself wrote are of an unknown version or damaged
    ├── ProfileError            a profile cannot be built, read or used
    ├── BrokerError             Kafka is set up in a way driftline cannot work with
    │   └── RefusedSchemaError  the schema registry does not accept the schemas of events (runtime.encodings)
    ├── SchemaError             the schema of a record cannot be used; becomes a dead letter (runtime.encodings)
    ├── EncodingError           a record is not encoded as it should be; becomes a dead letter (runtime.encodings)
    └── RegistryUnavailableError  the schema registry does not answer; records wait (runtime.encodings)

Messages have one form: what was expected, what came, where::

    Expected a probability in [0, 1], got 1.7 - at `$.score` (predictions-0@1041)
"""

from __future__ import annotations

from typing import Final, final

_SHOWN: Final = 80
"""Characters of a value that a message shows."""


class DriftlineError(Exception):
    """Base of all errors that driftline raises on purpose."""


def describe(expected: str, got: object, at: str) -> str:
    """Return the one form of error message: what was expected, what came, where."""
    text = repr(got)
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return f"Expected {expected}, got {shown} - at `{at}`"


class ConfigurationError(DriftlineError):
    """The configuration is wrong; lists every problem found, not only the first.

    Parameters
    ----------
    problems : tuple of str
        One message per problem, each in the form of :func:`describe`.
    source : str
        Where the configuration came from, for the operator.
    """

    def __init__(self, problems: tuple[str, ...], source: str) -> None:
        self.problems = problems
        self.source = source
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{source} has {len(problems)} problem{'s' if len(problems) != 1 else ''}:\n{lines}")


class ParameterError(DriftlineError, ValueError):
    """A parameter is outside what its documentation allows."""

    def __init__(self, expected: str, got: object, at: str) -> None:
        super().__init__(describe(expected, got, at))


@final
class EventError(DriftlineError):
    """One input record cannot be used; the pipeline turns it into a dead letter.

    Parameters
    ----------
    reason : str
        Permanent reason code, one of :data:`driftline.events.dead_letter.REASONS`.
    message : str
        What was expected, what came, where inside the record.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class FormatError(DriftlineError):
    """Bytes written by driftline cannot be read: unknown version or damage. Says what to do next."""


class ProfileError(DriftlineError):
    """A profile cannot be built, read or used."""


class BrokerError(DriftlineError):
    """Kafka or its topics are set up in a way driftline cannot work with. Says how to mend it."""
