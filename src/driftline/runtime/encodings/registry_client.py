"""Asks a schema registry over HTTP for schemas and for the ids of ours: Confluent's REST API, which Karapace, Redpanda
and Apicurio have too.

A small client on the standard library, as only four requests are made, each once for a schema: Confluent's own client
draws in 16 packages and takes 0.4 s to import.
"""

from __future__ import annotations

import base64
import json
import ssl
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

import msgspec

from driftline.runtime.encodings.framing import GLOBAL_ID_PATH
from driftline.runtime.encodings.schema_problems import RefusedSchemaError, RegistryUnavailableError, UnknownSchemaError
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.config.secrets import Credentials
    from driftline.config.settings import SchemaRegistrySettings

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 30.0
"""Between two attempts while the registry does not answer; each failure doubles the wait."""
_NOT_FOUND: Final = 404
_UNKNOWN: Final = range(40401, 40500)
"""The registry's own codes for what it does not have: subject, version, schema. Others with 404 mean a wrong URL."""
_REFUSED: Final = frozenset({409, 422})
"""Not compatible with the subject's earlier schemas, not valid."""
_MAX_BYTES: Final = 16 << 20
_AVRO_TYPES: Final = frozenset({"record", "enum", "fixed", "array", "map"})
_MAX_REASON: Final = 500
"""Characters of the registry's own words that a message shows."""
_log = get_logger(__name__)

Answer = TypeVar("Answer")


class Reference(msgspec.Struct, frozen=True):
    """A schema that another one uses: the name it uses, and where the registry has it."""

    name: str
    subject: str
    version: int

    @property
    def path(self) -> str:
        """Where the registry serves it; also when its subject has been deleted since."""
        return f"/subjects/{quote(self.subject, safe='')}/versions/{self.version}?deleted=true"


class RegisteredSchema(msgspec.Struct, frozen=True):
    """A schema as the registry holds it; ``kind`` is AVRO, PROTOBUF, JSON or another type's name."""

    text: str = msgspec.field(name="schema")
    kind: str = msgspec.field(name="schemaType", default="AVRO")
    references: tuple[Reference, ...] | None = None


class _Registered(msgspec.Struct, frozen=True):
    """What the registry answers where a schema was looked up or registered."""

    id: int


_ANSWER: Final = msgspec.json.Decoder(RegisteredSchema)
_REGISTERED: Final = msgspec.json.Decoder(_Registered)


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirection, which would hand the credentials to another server."""

    def redirect_request(self, *_args: object, **_more: object) -> None:
        """Return nothing: the redirection is an error."""


class RegistryClient:
    """Fetches and registers schemas; while the registry does not answer it asks only now and then.

    Parameters
    ----------
    settings : SchemaRegistrySettings
    credentials : Credentials
    clock : callable, optional
        Returns seconds that never go back.
    """

    def __init__(
        self,
        settings: SchemaRegistrySettings,
        credentials: Credentials,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._urls = [url.strip().rstrip("/") for url in settings.url.split(",")]
        self._timeout_s = settings.timeout / 1000
        self._clock = clock
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
        self._opener = build_opener(HTTPSHandler(context=context), _NoRedirect())
        self._opener.addheaders = [("Accept", "application/vnd.schemaregistry.v1+json, application/json")]
        if credentials.registry_username is not None and credentials.registry_password is not None:
            pair = f"{credentials.registry_username.reveal()}:{credentials.registry_password.reveal()}"
            self._opener.addheaders.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
        self._problem: str | None = None
        self._wait_s = FIRST_WAIT_S
        self._not_before_s = 0.0

    @property
    def problem(self) -> str | None:
        """Why the registry could not be asked the last time; None when it answered."""
        return self._problem

    @property
    def may_ask(self) -> bool:
        """Whether the wait after the last failure is over."""
        return self._problem is None or self._clock() >= self._not_before_s

    @property
    def wait_s(self) -> float:
        """Seconds until the registry may be asked again; 0 when it may be asked now."""
        return 0.0 if self._problem is None else max(0.0, self._not_before_s - self._clock())

    def fetch(self, path: str) -> RegisteredSchema:
        """Return the schema at a path.

        Raises
        ------
        UnknownSchemaError
            When the registry says that it has none there.
        RegistryUnavailableError
            When it does not answer, or refuses to; also, without asking, for a while afterwards.
        """
        return self._ask(lambda url: self._at(url, path), f"Expected the schema `{path}` from the schema registry, got")

    def register(self, subject: str, schema: str) -> int:
        """Return the id of an Avro schema under a subject, where it is registered unless it is already.

        It is looked up first: then credentials that may only read are enough where somebody else registers schemas.

        Raises
        ------
        RefusedSchemaError
            When the registry does not accept the schema.
        RegistryUnavailableError
            As in :meth:`fetch`.
        """
        body = msgspec.json.encode({"schema": schema})
        path = f"/subjects/{quote(subject, safe='')}"

        def number(url: str) -> int:
            try:
                return self._post(url + path, body, subject)
            except UnknownSchemaError:
                return self._post(f"{url}{path}/versions", body, subject)

        return self._ask(number, f"The schema of `{subject}` cannot be registered in the schema registry:")

    def _ask(self, question: Callable[[str], Answer], without: str) -> Answer:
        """Return what the first server answers that does; the words for when none does end before the reasons."""
        if not self.may_ask:
            raise RegistryUnavailableError(self._problem or "")
        failures = []
        for url in self._urls:
            try:
                answer = question(url)
            except (UnknownSchemaError, RefusedSchemaError):
                self._answered(url)
                raise
            except (OSError, HTTPException, ValueError, msgspec.DecodeError) as error:
                failures.append(f"{_reason(error)} - at `{url}`")
            else:
                self._answered(url)
                return answer
        self._problem = f"{without} {'; '.join(failures)}"
        _log.error("the schema registry does not answer", problem=self._problem, next_attempt_in_s=self._wait_s)
        self._not_before_s = self._clock() + self._wait_s
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
        raise RegistryUnavailableError(self._problem)

    def _answered(self, url: str) -> None:
        if self._problem is not None:
            _log.info("the schema registry answers again", url=url)
        self._problem, self._wait_s = None, FIRST_WAIT_S

    def _at(self, url: str, path: str) -> RegisteredSchema:
        of_apicurio = path.startswith(GLOBAL_ID_PATH)
        if of_apicurio:
            url = f"{url.partition('/apis/')[0]}/apis/registry/v2"
            path += "?dereference=true"
        try:
            with self._opener.open(url + path, timeout=self._timeout_s) as response:
                body = response.read(_MAX_BYTES)
        except HTTPError as error:
            with error:
                unknown = (_NOT_FOUND,) if of_apicurio else _UNKNOWN
                if error.code == _NOT_FOUND and _error_code(error.read(_MAX_BYTES)) in unknown:
                    raise UnknownSchemaError(f"the schema registry has no schema `{path}`") from error
                raise
        return _of_text(body.decode()) if of_apicurio else _ANSWER.decode(body)

    def _post(self, url: str, body: bytes, subject: str) -> int:
        request = Request(url, body, {"Content-Type": "application/vnd.schemaregistry.v1+json"})  # noqa: S310  # a checked URL
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                return _REGISTERED.decode(response.read(_MAX_BYTES)).id
        except HTTPError as error:
            with error:
                answer = error.read(_MAX_BYTES)
            if error.code == _NOT_FOUND and _error_code(answer) in _UNKNOWN:
                raise UnknownSchemaError(f"the schema registry has no such schema of `{subject}`") from error
            if error.code in _REFUSED:
                raise RefusedSchemaError(
                    f"The schema registry does not accept the schema of `{subject}` (HTTP {error.code}: "
                    f"{answer[:_MAX_REASON].decode(errors='replace')}). Delete the subject's earlier versions if they "
                    "are of another program, or set its compatibility to BACKWARD or NONE; `output: {encoding: json}` "
                    "needs no registry"
                ) from error
            raise


def _of_text(text: str) -> RegisteredSchema:
    """Return a schema that comes without its type: Apicurio's own API gives the bare text."""
    try:
        schema = json.loads(text)
    except ValueError:
        return RegisteredSchema(text, "PROTOBUF")
    is_avro = isinstance(schema, list) or (isinstance(schema, dict) and schema.get("type") in _AVRO_TYPES)
    return RegisteredSchema(text, "AVRO" if is_avro else "JSON")


def _error_code(body: bytes) -> object:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer.get("error_code") if isinstance(answer, dict) else None


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        advice = {
            401: "; check `username_env` and `password_env` of `schema_registry`",
            403: "; these credentials may not do this",
            _NOT_FOUND: "; check that `schema_registry.url` is the base URL of the registry's API",
        }
        return f"HTTP {error.code} {error.reason}{advice.get(error.code, '')}"
    if isinstance(error, URLError):
        return str(error.reason)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
