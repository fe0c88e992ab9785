"""A review being served by the real command, and the real browser that people use."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

CHROMIUM = next(
    (p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p is not None), None
)
LINK = re.compile(r"^  (.+) \((\d+) of (\d+) answered\): (http://\S+)$")


@dataclass
class Served:
    """A running ``nastdata review``."""

    process: subprocess.Popen[str]
    links: dict[str, list[str]] = field(default_factory=dict)
    """Person -> links shown, the newest last."""
    lines: list[str] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)
    used: dict[str, int] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return urlsplit(next(iter(self.links.values()))[-1]).port or 0

    def link(self, person: str, number: int = 0) -> str:
        """Wait for a person's link."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.links.get(person, [])) > number, 60), self.lines
            return self.links[person][number]

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def fresh_link(self, person: str) -> str:
        """Return a person's link that was not used yet; wait until it is shown."""
        number = self.used.get(person, 0)
        self.used[person] = number + 1
        return self.link(person, number)

    def open_link(self, person: str) -> dict[str, str]:
        """Use a person's link without a browser; return the headers of the answer."""
        status, headers, _ = self.ask("GET", self.fresh_link(person).split(str(self.port), 1)[1])
        assert status == 303
        return headers

    def enter(self, person: str) -> str:
        """Return the cookie of a person's session."""
        if person not in self.cookies:
            self.cookies[person] = self.open_link(person)["set-cookie"].partition(";")[0]
        return self.cookies[person]

    def ask(
        self,
        method: str,
        path: str,
        form: dict[str, Any] | None = None,
        cookie: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], str]:
        """Send one request as it is; return status, headers, text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = None if form is None else urlencode(form)
        sent = {"Cookie": cookie} if cookie else {}
        if form is not None:
            sent |= {"Origin": f"http://127.0.0.1:{self.port}"}
            sent |= {"Content-Type": "application/x-www-form-urlencoded"}
        sent |= headers or {}
        try:
            connection.request(method, path, body, {k: v for k, v in sent.items() if v != ""})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text
        finally:
            connection.close()


@contextmanager
def serve_review(*args: str | Path, people: int = 2) -> Iterator[Served]:
    """Run ``nastdata review`` and wait until its links are shown."""
    command = [sys.executable, "-m", "nastdata", "review", *map(str, args)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    served = Served(process)

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            found = LINK.match(line.rstrip("\n"))
            with served.news:
                served.lines.append(line.rstrip("\n"))
                if found:
                    served.links.setdefault(found[1], []).append(found[4])
                served.news.notify_all()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        with served.news:
            done = served.news.wait_for(lambda: len(served.links) >= people or process.poll() is not None, 90)
            assert done and len(served.links) >= people, served.lines
        yield served
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        reader.join(10)
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def open_browser() -> Iterator[Any]:
    """Start the system's Chromium under Playwright."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here; `make browser` installs it")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()
