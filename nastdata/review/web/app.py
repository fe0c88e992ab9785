"""The review page's requests, as a Starlette application."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nastdata.errors import UserError
from nastdata.review.items import Item
from nastdata.review.pictures import ReviewPictures
from nastdata.review.queue import LONGEST, Progress, find_progress, list_queue
from nastdata.review.store import Action, Answer, ReviewStore, StaleError, now
from nastdata.review.web.forms import Form, FormError, read_comment, read_corrections, read_form, read_values
from nastdata.review.web.guard import Guard, Keys
from nastdata.review.web.pages import STATIC, View, load_static, render_done, render_item, render_message

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

STALE = "You answered this item elsewhere (another tab?) meanwhile. Nothing was changed: look and save again."


@dataclass
class ReviewApp:
    """One review being served."""

    title: str
    store: ReviewStore
    items: dict[int, Item]
    pictures: ReviewPictures
    seed: int
    keys: Keys
    cookie: str
    """Name of the session's cookie; it has the port, since cookies don't tell ports apart."""
    entered: Callable[[str], None] = lambda person: None
    """Called when a person has used a link."""
    shown: dict[tuple[str, int], float] = field(default_factory=dict)
    """(person, item) -> when it was shown last."""

    def build(self, hosts: frozenset[str]) -> Guard:
        """Return the application, guarded."""
        from starlette.applications import Starlette
        from starlette.routing import Route

        routes = [
            Route("/enter", self.enter),
            Route("/", self.show_next),
            Route("/item/{n:int}", self.show_item),
            Route("/picture/{n:int}/{k:int}", self.show_picture),
            Route("/answer", self.take_answer, methods=["POST"]),
            Route("/skip", self.take_skip, methods=["POST"]),
            Route("/undo", self.take_undo, methods=["POST"]),
            Route("/favicon.ico", self.serve_nothing),
            *(Route(f"/{name}", self.serve_static) for name in STATIC),
        ]
        handlers = {404: self._missing, UserError: self._failed, FormError: self._wrong}
        return Guard(Starlette(routes=routes, exception_handlers=handlers), hosts)

    async def enter(self, request: Request) -> Response:
        """Turn a one-time link into a session."""
        opened = self.keys.open_session(request.query_params.get("token", ""))
        if opened is None:
            if self._person(request) is not None:
                return _go("/")
            text = (
                "This link was used already, or is from an earlier start. The terminal shows one that works."
            )
            return _page(render_message("No entry", text), 403)
        cookie, person = opened
        answer = _go("/")
        answer.set_cookie(self.cookie, cookie, httponly=True, samesite="strict", path="/")
        self.entered(person)
        return answer

    async def show_next(self, request: Request) -> Response:
        """Show what comes next."""
        person = self._person(request)
        if person is None:
            return self._no_entry()
        return await self._run(self._show_next, person)

    async def show_item(self, request: Request) -> Response:
        """Show one item of the person's own queue."""
        person, n = self._person(request), request.path_params["n"]
        if person is None:
            return self._no_entry()
        return await self._run(self._show_item, person, n)

    async def show_picture(self, request: Request) -> Response:
        """Send a picture; the request names an item's number and the picture's."""
        from starlette.responses import PlainTextResponse, Response

        if self._person(request) is None:
            return self._no_entry()
        params = request.path_params
        data, reason = await self._run(self.pictures.read, params["n"], params["k"])
        if data is None:
            return PlainTextResponse(reason, 404)
        return Response(data, media_type="image/png")

    async def take_answer(self, request: Request) -> Response:
        """Commit an answer, then move on."""
        return await self._take(request, "answer")

    async def take_skip(self, request: Request) -> Response:
        """Put an item off."""
        return await self._take(request, "skip")

    async def take_undo(self, request: Request) -> Response:
        """Take the person's latest answer or skip back, and show that item."""
        person = self._person(request)
        if person is None:
            return self._no_entry()
        n = await self._run(self.store.undo, person)
        return _go("/" if n is None else f"/item/{n}")

    async def serve_static(self, request: Request) -> Response:
        """Send the style or the script."""
        from starlette.responses import Response

        name = request.url.path.removeprefix("/")
        return Response(load_static(name), media_type=STATIC[name])

    async def serve_nothing(self, request: Request) -> Response:
        """Answer browsers that ask for an icon."""
        from starlette.responses import Response

        return Response(status_code=204)

    async def _take(self, request: Request, action: Action) -> Response:
        person = self._person(request)
        if person is None:
            return self._no_entry()
        form = read_form(await request.body())
        return await self._run(self._save, person, form, action)

    def _save(self, person: str, form: Form, action: Action) -> Response:
        n, seen = form.number("item"), form.number("seen")
        if n not in self._queue(person):
            return self._no_item()
        item = self.items[n]
        try:
            values = read_values(form, item.questions) if action == "answer" else {}
            corrections, comment = read_corrections(form, item), read_comment(form)
        except FormError as e:
            return self._show_again(person, item, form, str(e), 422)
        started = self.shown.get((person, n))
        seconds = None if started is None else min(round(time.monotonic() - started), LONGEST)
        answer = Answer(n, person, values, comment, corrections, seconds, now(), action)
        try:
            self.store.save(answer, seen)
        except StaleError:
            return self._show_again(person, item, form, STALE, 409)
        return _go("/")

    def _show_next(self, person: str) -> Response:
        progress = find_progress(self.store, self.items, person)
        if progress.next is None:
            return _page(render_done(self._view(person, progress)))
        return self._show(person, self.items[progress.next], progress)

    def _show_item(self, person: str, n: int) -> Response:
        if n not in self._queue(person):
            return self._no_item()
        return self._show(person, self.items[n], find_progress(self.store, self.items, person))

    def _show(self, person: str, item: Item, progress: Progress) -> Response:
        self.shown[person, item.n] = time.monotonic()
        last = self.store.find_last(item.n, person)
        held = last
        notice = ""
        if last is not None and last.action == "undo":
            held = self.store.find_earlier(item.n, person)
            notice = "Taken back. Change what you like and save again."
        elif last is not None and last.given:
            notice = "You answered this item before. Saving replaces the answer."
        page = render_item(
            self._view(person, progress, notice),
            item,
            self.seed,
            seen=last.event if last else 0,
            given=held.values if held else {},
            comment=held.comment if held else "",
            corrections=held.corrections if held else {},
            others=self._others(person, item),
        )
        return _page(page)

    def _show_again(self, person: str, item: Item, form: Form, problem: str, status: int) -> Response:
        """Show an item with what was sent and why it was not saved."""
        last = self.store.find_last(item.n, person)
        view = self._view(person, find_progress(self.store, self.items, person), "", problem)
        fields = form.fields
        page = render_item(
            view,
            item,
            self.seed,
            seen=last.event if last else 0,
            given={q: fields.get(f"q.{q}", "") for q in item.questions},
            comment=fields.get("comment", ""),
            corrections={s: fields.get(f"text.{s}", "") for s in item.slots},
            others=self._others(person, item),
        )
        return _page(page, status)

    def _others(self, person: str, item: Item) -> list[Answer]:
        """Return the readers' answers, which the adjudicator alone may see."""
        roles = self.store.read_reviewers()
        if roles[person] != "adjudicator":
            return []
        return [a for a in self.store.read_answers() if a.item == item.n and roles[a.reviewer] == "reviewer"]

    def _queue(self, person: str) -> list[int]:
        roles = self.store.read_reviewers()
        answers = self.store.read_answers() if roles[person] == "adjudicator" else []
        return list_queue(self.items, answers, roles, person)

    def _view(self, person: str, progress: Progress, notice: str = "", problem: str = "") -> View:
        adjudicating = self.store.read_reviewers()[person] == "adjudicator"
        return View(self.title, person, adjudicating, progress, notice, problem)

    def _person(self, request: Request) -> str | None:
        return self.keys.find_person(request.cookies.get(self.cookie, ""))

    async def _run(self, work: Callable[..., Any], *args: Any) -> Any:
        from starlette.concurrency import run_in_threadpool

        return await run_in_threadpool(work, *args)

    def _no_entry(self) -> Response:
        return _page(render_message("No entry", "Open the link that the terminal shows for you."), 403)

    def _no_item(self) -> Response:
        return _page(render_message("No such item", "There is no such item in your list."), 404)

    async def _missing(self, request: Request, error: Exception) -> Response:
        return _page(render_message("Nothing here", "There is no such page."), 404)

    async def _failed(self, request: Request, error: Exception) -> Response:
        return _page(render_message("Not saved", str(error)), 500)

    async def _wrong(self, request: Request, error: Exception) -> Response:
        return _page(render_message("Not understood", str(error)), 400)


def _page(html: str, status: int = 200) -> Response:
    from starlette.responses import HTMLResponse

    return HTMLResponse(html, status)


def _go(where: str) -> Response:
    from starlette.responses import RedirectResponse

    return RedirectResponse(where, 303)
