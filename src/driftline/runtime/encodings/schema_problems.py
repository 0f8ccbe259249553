"""What can go wrong with schemas: one that cannot be used, and a registry that does not answer."""

from __future__ import annotations

import struct
from typing import Final

from driftline.errors import BrokerError, DriftlineError

UNREADABLE: Final = (ValueError, IndexError, ArithmeticError, RecursionError, struct.error)
"""What readers of values raise for bytes that are not of their schema."""


class SchemaError(DriftlineError):
    """A schema cannot be used; its records become dead letters."""


class UnknownSchemaError(SchemaError):
    """The registry says that it has no such schema."""


class RefusedSchemaError(BrokerError):
    """The registry does not accept a schema of ours; nothing can be written with it."""


class RegistryUnavailableError(DriftlineError):
    """The registry cannot be asked at the moment; records that need it must wait."""


class EncodingError(DriftlineError):
    """A value is not encoded as it should be; it becomes a dead letter."""
