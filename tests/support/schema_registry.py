"""A schema registry in this process: the part of Confluent's REST API that serializers and driftline use.

Serializers of others register their schemas here, so what a test reads was written by them.
"""

from __future__ import annotations

import base64
import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import ssl
    from types import TracebackType


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: int | None, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Entry(NamedTuple):
    """A registered schema."""

    number: int
    guid: str
    body: dict[str, Any]


class SchemaRegistry:
    """Holds schemas and serves them on a free port of this machine, as a context manager.

    Attributes
    ----------
    status : int or None
        Answers every request with this status while it is set.
    requests : list of str
        Paths that were asked for, of GET requests.
    """

    def __init__(self, users: dict[str, str] | None = None, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.status: int | None = None
        self.requests: list[str] = []
        self.authorized = {f"Basic {base64.b64encode(f'{n}:{p}'.encode()).decode()}" for n, p in (users or {}).items()}
        self.entries: list[Entry] = []
        self.subjects: dict[str, list[Entry]] = {}
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                registry.handle(self)

            do_GET = do_POST = answer

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.url = f"http{'s' if tls else ''}://localhost:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> SchemaRegistry:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def register(
        self, subject: str, schema: str, kind: str = "AVRO", references: list[dict[str, Any]] | None = None
    ) -> int:
        """Register a schema under a subject; return its id, the same for the same schema."""
        body: dict[str, Any] = {"schema": schema}
        if kind != "AVRO":
            body["schemaType"] = kind
        if references:
            body["references"] = references
        return self._register(subject, body).number

    def _register(self, subject: str, body: dict[str, Any]) -> Entry:
        kept = {name: body[name] for name in ("schema", "schemaType", "references") if body.get(name)}
        entry = next((each for each in self.entries if each.body == kept), None)
        if entry is None:
            number = len(self.entries) + 1
            entry = Entry(number, str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(kept, sort_keys=True))), kept)
            self.entries.append(entry)
        versions = self.subjects.setdefault(subject, [])
        if entry not in versions:
            versions.append(entry)
        return entry

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        try:
            status, answer = 200, self._answer(request, body)
        except Refusal as refusal:
            status, answer = refusal.status, {"error_code": refusal.code, "message": str(refusal)}
            if refusal.code is None:
                answer = {"detail": str(refusal)}
        data = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes) -> object:
        if self.status is not None:
            raise Refusal(self.status, None, "not now")
        if self.authorized and request.headers.get("Authorization") not in self.authorized:
            raise Refusal(401, 40101, "Unauthorized")
        parts = [unquote(part) for part in urlsplit(request.path).path.strip("/").split("/")]
        if request.command == "POST":
            return self._post(parts, json.loads(body))
        self.requests.append(request.path)
        match parts:
            case ["schemas", "ids", number]:
                return self._shown(self._by(lambda entry: str(entry.number) == number))
            case ["schemas", "guids", guid]:
                return self._shown(self._by(lambda entry: entry.guid == guid))
            case ["subjects", subject, "versions", version]:
                return self._versioned(subject, self._version(subject, version))
        raise Refusal(404, None, "no such resource")

    def _post(self, parts: list[str], body: dict[str, Any]) -> object:
        match parts:
            case ["subjects", subject, "versions"]:
                entry = self._register(subject, body)
                return {"id": entry.number, "guid": entry.guid, **entry.body}
            case ["subjects", subject]:
                for number, entry in enumerate(self.subjects.get(subject, []), start=1):
                    if entry.body["schema"] == body["schema"]:
                        return self._versioned(subject, number)
                raise Refusal(404, 40403, "Schema not found")
        raise Refusal(404, None, "no such resource")

    def _by(self, wanted: Any) -> Entry:
        for entry in self.entries:
            if wanted(entry):
                return entry
        raise Refusal(404, 40403, "Schema not found")

    def _version(self, subject: str, version: str) -> int:
        if subject not in self.subjects:
            raise Refusal(404, 40401, f"Subject '{subject}' not found.")
        number = len(self.subjects[subject]) if version == "latest" else int(version)
        if not 0 < number <= len(self.subjects[subject]):
            raise Refusal(404, 40402, f"Version {version} not found.")
        return number

    def _versioned(self, subject: str, version: int) -> dict[str, Any]:
        entry = self.subjects[subject][version - 1]
        return {"subject": subject, "version": version, "id": entry.number, "guid": entry.guid, **entry.body}

    @staticmethod
    def _shown(entry: Entry) -> dict[str, Any]:
        return {"guid": entry.guid, **entry.body}
