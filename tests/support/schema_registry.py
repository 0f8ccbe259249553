"""A schema registry in this process: the part of Confluent's REST API that serializers and driftline use.

Serializers of others register their schemas here, so what a test reads was written by them.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from tests.support.http_server import Answer, HttpServer

if TYPE_CHECKING:
    import ssl

    from tests.support.http_server import Request


class RefusalError(Exception):
    """An answer that is an error, with the registry's own code where it has one."""

    def __init__(self, status: int, code: int | None, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Entry(NamedTuple):
    """A registered schema."""

    number: int
    guid: str
    body: dict[str, Any]


class SchemaRegistry(HttpServer):
    """Holds schemas and serves them while the context lasts.

    Attributes
    ----------
    status : int or None
        Answers every request with this status while it is set.
    requests : list of str
        Paths of the GET requests.
    read_only : bool
        Answers 403 where a schema would be registered, while it is set.
    incompatible : bool
        Answers 409 there, while it is set.
    """

    def __init__(self, users: dict[str, str] | None = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(self._respond, tls)
        self.status: int | None = None
        self.requests: list[str] = []
        self.read_only = self.incompatible = False
        pairs = [f"{name}:{password}" for name, password in (users or {}).items()]
        self._authorized = {f"Basic {base64.b64encode(pair.encode()).decode()}" for pair in pairs}
        self.entries: list[Entry] = []
        self._subjects: dict[str, list[Entry]] = {}

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects that have a schema."""
        return tuple(self._subjects)

    def id_of(self, subject: str) -> int:
        """Return the id of the latest schema of a subject."""
        return self._subjects[subject][-1].number

    def register(
        self, subject: str, schema: str, kind: str = "AVRO", references: list[dict[str, Any]] | None = None
    ) -> int:
        """Register a schema under a subject; return its id, the same for the same schema."""
        body = {"schema": schema, "schemaType": None if kind == "AVRO" else kind, "references": references}
        return self._register(subject, body).number

    def _register(self, subject: str, body: dict[str, Any]) -> Entry:
        kept = {name: body[name] for name in ("schema", "schemaType", "references") if body.get(name)}
        entry = next((each for each in self.entries if each.body == kept), None)
        if entry is None:
            guid = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(kept, sort_keys=True))
            entry = Entry(len(self.entries) + 1, str(guid), kept)
            self.entries.append(entry)
        versions = self._subjects.setdefault(subject, [])
        if entry not in versions:
            versions.append(entry)
        return entry

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    def _respond(self, request: Request) -> Answer:
        try:
            status, answer = 200, self._answer(request)
        except RefusalError as refusal:
            status, answer = refusal.status, {"detail": str(refusal)}
            if refusal.code is not None:
                answer = {"error_code": refusal.code, "message": str(refusal)}
        kind = ("Content-Type", "application/vnd.schemaregistry.v1+json")
        return Answer(status, json.dumps(answer).encode(), (kind,))

    def _answer(self, request: Request) -> dict[str, Any]:
        if request.method == "GET":
            self.requests.append(request.path)
        if self.status is not None:
            raise RefusalError(self.status, None, "not now")
        if self._authorized and request.headers.get("Authorization") not in self._authorized:
            raise RefusalError(401, 40101, "Unauthorized")
        parts = [unquote(part) for part in urlsplit(request.path).path.strip("/").split("/")]
        body = json.loads(request.body) if request.body else {}
        match request.method, parts:
            case "GET", ["schemas", "ids", number]:
                return self._schema([entry for entry in self.entries if str(entry.number) == number])
            case "GET", ["schemas", "guids", guid]:
                return self._schema([entry for entry in self.entries if entry.guid == guid])
            case "GET", ["subjects", subject, "versions", version]:
                return self._version(subject, version)
            case "POST", ["subjects", subject, "versions"]:
                self._require_write()
                entry = self._register(subject, body)
                return {"id": entry.number, "guid": entry.guid, **entry.body}
            case "POST", ["subjects", subject]:
                return self._version(subject, self._number(subject, body["schema"]))
        raise RefusalError(404, None, "no such resource")

    def _require_write(self) -> None:
        if self.read_only:
            raise RefusalError(403, 40301, "not authorized to write")
        if self.incompatible:
            raise RefusalError(409, 409, "incompatible with an earlier schema")

    @staticmethod
    def _schema(found: list[Entry]) -> dict[str, Any]:
        if not found:
            raise RefusalError(404, 40403, "Schema not found")
        return {"guid": found[0].guid, **found[0].body}

    def _number(self, subject: str, schema: str) -> str:
        if subject not in self._subjects:
            raise RefusalError(404, 40401, f"Subject '{subject}' not found.")
        for number, entry in enumerate(self._subjects[subject], start=1):
            if entry.body["schema"] == schema:
                return str(number)
        raise RefusalError(404, 40403, "Schema not found")

    def _version(self, subject: str, version: str) -> dict[str, Any]:
        if subject not in self._subjects:
            raise RefusalError(404, 40401, f"Subject '{subject}' not found.")
        entries = self._subjects[subject]
        number = len(entries) if version == "latest" else int(version)
        if not 0 < number <= len(entries):
            raise RefusalError(404, 40402, f"Version {version} not found.")
        entry = entries[number - 1]
        return {"subject": subject, "version": number, "id": entry.number, "guid": entry.guid, **entry.body}
