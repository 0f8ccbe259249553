"""A token endpoint on loopback that grants unsigned JSON Web Tokens, or answers what a test wants."""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.parse
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


def unsigned_token(subject: str, lifetime_s: float, **claims: object) -> str:
    """Return a JSON Web Token without a signature, as Kafka takes it for tests."""
    now = time.time()
    parts = {"alg": "none"}, {"sub": subject, "iat": now - 1, "exp": now + lifetime_s, "scope": "kafka", **claims}
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


class Asked(NamedTuple):
    """One request: the form and the header that authenticates the client."""

    form: dict[str, list[str]]
    authorization: str


class TokenEndpoint:
    """What was asked of an endpoint, and what it answers.

    Attributes
    ----------
    url : str
    asked : list of Asked
    answer : tuple of int and bytes, optional
        Status and body instead of a token.
    headers : dict of str to str
        Further headers of the answer.
    lifetime_s : float
        Of the tokens it grants.
    """

    def __init__(self, lifetime_s: float) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.answer: tuple[int, bytes] | None = None
        self.headers: dict[str, str] = {}
        self.lifetime_s = lifetime_s

    def respond(self, asked: Asked) -> tuple[int, bytes]:
        """Return status and body for a request."""
        self.asked.append(asked)
        if self.answer is not None:
            return self.answer
        token = unsigned_token("driftline", self.lifetime_s, jti=len(self.asked))
        grant = {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime_s}
        return 200, json.dumps(grant).encode()


@contextmanager
def token_endpoint(lifetime_s: float = 600) -> Iterator[TokenEndpoint]:
    """Give an endpoint that answers until the block ends."""
    endpoint = TokenEndpoint(lifetime_s)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked = Asked(urllib.parse.parse_qs(form), self.headers["Authorization"])
            status, body = endpoint.respond(asked)
            self.send_response(status)
            for name, value in {**endpoint.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_port}/token"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
