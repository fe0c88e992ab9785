"""Bytes go where they may: no proxy, no redirect, no second address, checked on the open connection."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from servers import serve
from trees import make_tree

from nastdata.errors import UserError
from nastdata.llm.connection import PeerGuard, fits, read_address
from nastdata.llm.terms_gate import check_terms
from nastdata.recipe import WriterSettings
from nastdata.sources import get_source


@contextmanager
def listen(answer: Any = None) -> Iterator[tuple[int, list[str]]]:
    """A server that notes every request, and answers with ``answer(handler)``."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append(f"{self.command} {self.path} {body[:80]!r}")
            if answer is not None:
                answer(self)
            else:
                self.send_error(502)

        do_GET = do_POST = do_CONNECT = handle_any

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def chests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("tree"), 200).mimic


def build(url: str, data: Path, tmp_path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    given = [f"writer.base_url={url}", f"writer.cache={tmp_path / 'a.sqlite'}", "writer.model=m"]
    given += ["writer.per_item=true", "design=paper", "audit.enabled=false", "writer.max_retries=1"]
    command = [sys.executable, "-m", "nastdata", "build", "mednega", "--realizer", "openai", "--limit", "4"]
    command += ["--source", "mimic-cxr", "--data", str(data), "--out", str(tmp_path / "out")]
    command += [a for s in given for a in ("--set", s)]
    environment = {**os.environ, "OPENAI_API_KEY": "sk-x", **env}
    return subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment, check=False)


def test_a_proxy_of_the_environment_sees_nothing_of_restricted_rows(chests: Path, tmp_path: Path) -> None:
    with listen() as (port, seen), serve() as (url, served):
        proxy = f"http://127.0.0.1:{port}"
        names = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY", "OPENAI_PROXY")
        done = build(url, chests, tmp_path, **dict.fromkeys(names, proxy), NO_PROXY="", no_proxy="")
    assert done.returncode == 0, done.stderr
    assert served.bodies and not seen


def test_a_redirect_is_not_followed(chests: Path, tmp_path: Path) -> None:
    with listen() as (elsewhere, seen):

        def send_on(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(307)
            handler.send_header("Location", f"http://127.0.0.1:{elsewhere}{handler.path}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with listen(send_on) as (port, _):
            done = build(f"http://127.0.0.1:{port}/v1", chests, tmp_path)
    assert done.returncode == 2 and "not followed" in done.stderr
    assert not seen


def test_a_name_with_two_addresses_is_no_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: object, *args: object) -> list[tuple[Any, ...]]:
        return [(0, 0, 0, "", (a, 0)) for a in ("127.0.0.1", "192.0.2.9")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    writer = WriterSettings(realizer="openai", per_item=True, base_url="http://model.example/v1")
    with pytest.raises(UserError, match="forbid"):
        check_terms(writer, [get_source("mimic-cxr")])


def test_a_name_that_changes_after_the_look_up_gets_nothing(tmp_path: Path) -> None:
    """The gate saw loopback; the connection leads elsewhere (here: to 127.0.0.2 taken for elsewhere)."""
    import asyncio

    import openai

    from nastdata.llm.connection import make_http_client

    with listen() as (port, seen):

        class Suspicious(PeerGuard):
            async def trace(self, event: str, info: dict[str, Any]) -> None:
                if event.endswith("connect_tcp.complete"):
                    stream = info["return_value"]
                    info = {"return_value": Elsewhere(stream)}
                await super().trace(event, info)

        class Elsewhere:
            def __init__(self, stream: Any) -> None:
                self.stream = stream

            def get_extra_info(self, name: str) -> Any:
                assert self.stream.get_extra_info(name)[0] == "127.0.0.1"
                return ("192.0.2.77", port)

            async def aclose(self) -> None:
                await self.stream.aclose()

        guard = Suspicious("loopback")

        async def ask() -> None:
            async with make_http_client(openai, guard, restricted=True) as http:
                with pytest.raises(Exception, match=r"192\.0\.2\.77"):
                    await http.post(f"http://127.0.0.1:{port}/v1/chat/completions", json={"secret": "row"})

        asyncio.run(ask())
        assert not seen
        with pytest.raises(UserError, match=r"leads to 192\.0\.2\.77"):
            guard.check("http://model.example/v1")


def test_the_peer_of_a_good_connection_is_noted() -> None:
    import asyncio

    import openai

    from nastdata.llm.connection import make_http_client

    guard = PeerGuard("loopback")

    async def ask() -> int:
        async with make_http_client(openai, guard, restricted=True) as http:
            return int((await http.get(f"http://127.0.0.1:{port}/")).status_code)

    with listen() as (port, seen):
        assert asyncio.run(ask()) == 502
    assert guard.peers == {"127.0.0.1"} and guard.refused is None and len(seen) == 1


@pytest.mark.parametrize(
    ("address", "loopback", "own"),
    [
        ("127.0.0.1", True, True),
        ("::1", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("10.1.2.3", False, True),
        ("192.168.0.9", False, True),
        ("fd00::5", False, True),
        ("169.254.169.254", False, False),
        ("8.8.8.8", False, False),
        ("2001:4860:4860::8888", False, False),
    ],
)
def test_reach(address: str, loopback: bool, own: bool) -> None:
    there = read_address(address)
    assert (fits(there, "loopback"), fits(there, "own network"), fits(there, "remote")) == (
        loopback,
        own,
        True,
    )


def test_own_server_needs_a_statement_and_private_addresses() -> None:
    sources = [get_source("mimic-cxr")]
    given: dict[str, Any] = {"realizer": "openai", "per_item": True, "base_url": "http://10.1.2.3/v1"}
    with pytest.raises(UserError, match="forbid"):
        check_terms(WriterSettings(**given), sources)
    statement = "GPU server of the radiology department, approved by A. Person"
    said = check_terms(WriterSettings(**given, own_server=statement), sources)
    assert said["endpoint"] == "own network" and said["own_server"] == statement
    given["base_url"] = "http://8.8.8.8/v1"
    with pytest.raises(UserError, match="not every address"):
        check_terms(WriterSettings(**given, own_server=statement), sources)
    attested = {"zero_retention": True, "no_training": True, "no_human_review": True, "attested_by": "A"}
    with pytest.raises(UserError, match="only over https"):
        check_terms(WriterSettings(**given, attestation=attested), sources)  # type: ignore[arg-type]
