"""A bearer token (RFC 6750) and the time at which it expires, which a JSON Web Token says itself."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

import msgspec
from msgspec import Struct

from driftline.config.secrets import Secret

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_JWT_PARTS: Final = 3


class _Claims(Struct):
    exp: float | None = None


class Token(Struct, frozen=True):
    """A token and when it expires, in epoch seconds."""

    secret: Secret
    expires_at_s: float


def bearer_token(text: str, now_s: float, lifetime_s: float) -> Token | None:
    """Return a token with its expiry; None where the text is none.

    Parameters
    ----------
    text : str
        The token, which space may surround.
    now_s : float
        Epoch seconds.
    lifetime_s : float
        Life of a token that does not say when it expires, seconds.
    """
    text = text.strip()
    if _TOKEN.fullmatch(text) is None:
        return None
    expires_at_s = _expiry(text)
    return Token(Secret(text), now_s + lifetime_s if expires_at_s is None else expires_at_s)


def _expiry(text: str) -> float | None:
    """Return the claim ``exp`` of a JSON Web Token; None for any other token. Only brokers verify it."""
    parts = text.split(".")
    if len(parts) != _JWT_PARTS:
        return None
    try:
        claims = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(claims, type=_Claims).exp
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        return None
