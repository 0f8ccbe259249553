"""The client of the schema registry: what it asks for, and what it does while there is no answer."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from driftline.config.durations import Duration
from driftline.config.secrets import Credentials, Secret
from driftline.config.settings import SchemaRegistrySettings
from driftline.runtime.encodings.registry_client import LONGEST_WAIT_S, Reference, RegisteredSchema, RegistryClient
from driftline.runtime.encodings.schema_problems import RefusedSchemaError, RegistryUnavailableError, UnknownSchemaError
from tests.support.http_server import Answer, HttpServer
from tests.support.schema_registry import SchemaRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.http_server import Request


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    with SchemaRegistry() as running:
        yield running


def client(
    to: str | SchemaRegistrySettings, credentials: Credentials | None = None, clock: Clock | None = None
) -> RegistryClient:
    settings = SchemaRegistrySettings(url=to) if isinstance(to, str) else to
    return RegistryClient(settings, credentials or Credentials(), clock or Clock())


def test_schemas_are_served_with_their_type_and_references(registry: SchemaRegistry) -> None:
    avro = registry.register("a", '"int"')
    used = [{"name": "a.proto", "subject": "a b/c", "version": 1}]
    proto = registry.register("p", "message M {}", "PROTOBUF", used)
    assert client(registry.url).fetch(f"/schemas/ids/{avro}") == RegisteredSchema('"int"')
    fetched = client(registry.url + "/").fetch(f"/schemas/ids/{proto}")
    assert fetched == RegisteredSchema("message M {}", "PROTOBUF", (Reference("a.proto", "a b/c", 1),))
    assert fetched.references
    registry.register("a b/c", "message A {}", "PROTOBUF")
    assert client(registry.url).fetch(fetched.references[0].path).text == "message A {}"
    assert registry.requests[-1] == "/subjects/a%20b%2Fc/versions/1?deleted=true"
    assert client(registry.url).fetch(f"/schemas/guids/{registry.entries[0].guid}").text == '"int"'


@pytest.mark.parametrize("path", ["/schemas/ids/99", "/subjects/none/versions/1"])
def test_what_the_registry_does_not_have_is_unknown(registry: SchemaRegistry, path: str) -> None:
    asked = client(registry.url)
    with pytest.raises(UnknownSchemaError, match=f"the schema registry has no schema `{path}`$"):
        asked.fetch(path)
    assert asked.problem is None


def test_another_404_is_a_wrong_url_and_not_an_unknown_schema(registry: SchemaRegistry) -> None:
    with pytest.raises(RegistryUnavailableError, match=r"HTTP 404 .*check that `schema_registry.url` is the base URL"):
        client(registry.url + "/apis").fetch("/schemas/ids/1")


def test_while_it_does_not_answer_it_is_asked_less_and_less(registry: SchemaRegistry) -> None:
    number, clock = registry.register("a", '"int"'), Clock()
    asked = client(registry.url, clock=clock)
    registry.status = 503
    waits = []
    for _ in range(7):
        with pytest.raises(RegistryUnavailableError, match="HTTP 503"):
            asked.fetch(f"/schemas/ids/{number}")
        before = clock.now
        while not asked.may_ask:
            with pytest.raises(RegistryUnavailableError, match="HTTP 503"):
                asked.fetch(f"/schemas/ids/{number}")
            clock.now += 0.5
        waits.append(clock.now - before)
    assert waits == [1, 2, 4, 8, 16, LONGEST_WAIT_S, LONGEST_WAIT_S]
    assert asked.problem is not None
    assert f"HTTP 503 Service Unavailable - at `{registry.url}`" in asked.problem
    registry.status = None
    assert asked.fetch(f"/schemas/ids/{number}").text == '"int"'
    assert asked.problem is None
    registry.status = 503
    with pytest.raises(RegistryUnavailableError):
        asked.fetch(f"/schemas/ids/{number}")
    clock.now += 1
    assert asked.may_ask


def test_several_urls_are_tried_in_their_order(registry: SchemaRegistry) -> None:
    number = registry.register("a", '"int"')
    with SchemaRegistry() as broken:
        broken.status = 500
        assert client(f"{broken.url}, {registry.url}").fetch(f"/schemas/ids/{number}").text == '"int"'


def test_nobody_at_the_address_is_said() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(RegistryUnavailableError, match=f"Connection refused - at `{url}`"):
        client(url).fetch("/schemas/ids/1")


def test_no_answer_in_time_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(RegistryUnavailableError, match="timed out"):
            client(SchemaRegistrySettings(url=url, timeout=Duration(100))).fetch("/schemas/ids/1")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"schema": 5}', b'{"schema": "x", "references": [{}]}', b"\xff"])
def test_an_answer_that_is_none_of_a_registry_is_not_taken_for_one(body: bytes) -> None:
    with HttpServer(lambda _request: Answer(200, body)) as server, pytest.raises(RegistryUnavailableError):
        client(server.url).fetch("/schemas/ids/1")


def test_credentials_are_sent_and_not_shown() -> None:
    with SchemaRegistry({"key": "hunter2"}) as registry:
        number = registry.register("a", '"int"')
        known = Credentials(registry_username=Secret("key"), registry_password=Secret("hunter2"))
        assert client(registry.url, known).fetch(f"/schemas/ids/{number}").text == '"int"'
        wrong = Credentials(registry_username=Secret("key"), registry_password=Secret("hunter3"))
        with pytest.raises(RegistryUnavailableError, match=r"HTTP 401 .*check `username_env`") as refused:
            client(registry.url, wrong).fetch(f"/schemas/ids/{number}")
        assert "hunter" not in str(refused.value)


def test_a_redirection_is_not_followed_with_the_credentials(registry: SchemaRegistry) -> None:
    number = registry.register("a", '"int"')
    elsewhere = Answer(302, headers=(("Location", f"{registry.url}/schemas/ids/{number}"),))
    with HttpServer(lambda _request: elsewhere) as server, pytest.raises(RegistryUnavailableError, match="HTTP 302"):
        client(server.url).fetch(f"/schemas/ids/{number}")
    assert registry.requests == []


def test_tls_verifies_the_registry(tls_files: tuple[Path, Path]) -> None:
    certificate, key = tls_files
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with SchemaRegistry(tls=context) as registry:
        number = registry.register("a", '"int"')
        path = f"/schemas/ids/{number}"
        assert client(SchemaRegistrySettings(url=registry.url, ca_file=str(certificate))).fetch(path).text == '"int"'
        with pytest.raises(RegistryUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
            client(registry.url).fetch(path)


def test_tls_shows_a_certificate_where_the_registry_requires_one(tls_files: tuple[Path, Path]) -> None:
    certificate, key = tls_files
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    with SchemaRegistry(tls=context) as registry:
        number = registry.register("a", '"int"')
        own = SchemaRegistrySettings(
            url=registry.url, ca_file=str(certificate), certificate_file=str(certificate), key_file=str(key)
        )
        assert client(own).fetch(f"/schemas/ids/{number}").text == '"int"'
        with pytest.raises(RegistryUnavailableError):
            client(SchemaRegistrySettings(url=registry.url, ca_file=str(certificate))).fetch(f"/schemas/ids/{number}")


APICURIO = {
    "/apis/registry/v2/ids/globalIds/3?dereference=true": '{"type": "record", "name": "R", "fields": []}',
    "/apis/registry/v2/ids/globalIds/4?dereference=true": "message M {}",
    "/apis/registry/v2/ids/globalIds/5?dereference=true": '{"type": "object", "properties": {}}',
}


def test_global_ids_are_asked_for_at_apicurio_s_own_api() -> None:
    def respond(request: Request) -> Answer:
        text = APICURIO.get(request.path)
        if text is None:
            return Answer(404, b'{"message": "No artifact with ID", "error_code": 404}')
        return Answer(200, text.encode())

    with HttpServer(respond) as server:
        asked = client(f"{server.url}/apis/ccompat/v7")
        assert [asked.fetch(f"/ids/globalIds/{n}").kind for n in (3, 4, 5)] == ["AVRO", "PROTOBUF", "JSON"]
        with pytest.raises(UnknownSchemaError):
            asked.fetch("/ids/globalIds/6")


def test_a_schema_is_registered_once_under_its_subject(registry: SchemaRegistry) -> None:
    registry.register("other", '"int"')
    asked = client(registry.url)
    number = asked.register("a b/c", '"long"')
    assert number == registry.id_of("a b/c") == 2
    assert asked.register("a b/c", '"long"') == number
    assert asked.register("a b/c", '"double"') == 3
    assert registry.subjects == ("other", "a b/c")
    assert asked.fetch("/schemas/ids/2").text == '"long"'


def test_where_it_may_only_be_read_a_schema_that_is_registered_is_found(registry: SchemaRegistry) -> None:
    number = registry.register("a", '"int"')
    registry.read_only = True
    assert client(registry.url).register("a", '"int"') == number
    asked = client(registry.url)
    with pytest.raises(RegistryUnavailableError, match=r"The schema of `b` cannot be registered .*HTTP 403 .*may not"):
        asked.register("b", '"int"')
    assert asked.problem is not None
    assert not asked.may_ask
    assert 0 < asked.wait_s <= 1


def test_a_refused_schema_is_said_with_the_registry_s_own_words(registry: SchemaRegistry) -> None:
    registry.incompatible = True
    asked = client(registry.url)
    with pytest.raises(RefusedSchemaError, match=r"of `a` \(HTTP 409: .*incompatible with an earlier .*BACKWARD"):
        asked.register("a", '"int"')
    assert asked.problem is None
    assert asked.wait_s == 0


def test_registration_waits_and_tries_other_servers_as_reading_does(registry: SchemaRegistry) -> None:
    clock = Clock()
    with SchemaRegistry() as broken:
        broken.status = 500
        assert client(f"{broken.url}, {registry.url}").register("a", '"int"') == 1
        asked = client(broken.url, clock=clock)
        waits = []
        for _ in range(3):
            with pytest.raises(RegistryUnavailableError, match="HTTP 500"):
                asked.register("a", '"int"')
            waits.append(asked.wait_s)
            clock.now += asked.wait_s
        assert waits == [1, 2, 4]
        broken.status = None
        assert asked.register("a", '"int"') == 1
        assert asked.problem is None
