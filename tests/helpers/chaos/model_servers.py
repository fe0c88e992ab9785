"""Faults of a build whose words a model server writes: one that hangs, and a damaged cache of its answers."""

from __future__ import annotations

import random
from pathlib import Path

from servers import Faults, serve

from chaos.builds import Lab, Run, hash_tree, is_whole, stop
from chaos.faults import Trial

RECIPE = ("mednega", "--limit", "24", "--set", "phantom_patients=150", "--set", "audit.enabled=false",
          "--realizer", "openai", "--set", "writer.model=m", "--set", "writer.timeout=1",
          "--set", "writer.max_retries=0", "--set", "writer.wordings=2")  # fmt: skip
KEY = {"OPENAI_API_KEY": "not-needed"}


def server_hangs(lab: Lab) -> Trial:
    """The server takes questions and never answers; later it works."""
    faults = Faults({"hang": 1.0}, hang_seconds=3.0)
    with serve(faults) as (url, _):
        out = lab.place()
        run = _start(lab, out, url, out.parent / "a.sqlite")
        code = run.finish(300)
        told = code == 2 and run.in_words
        sound = not out.exists()
        faults.rates.clear()
        return _finish(lab, out, url, out.parent / "a.sqlite", told, sound)


def answers_damaged(lab: Lab) -> Trial:
    """The file of a model's answers is damaged after a kill: said, moved away by the user, asked again."""
    with serve(latency=0.05) as (url, _):
        out = lab.place()
        cache = out.parent / "a.sqlite"
        run = _start(lab, out, url, cache)
        run.wait_for(lambda: cache.exists() and cache.stat().st_size > 8192)
        stop(run)
        for path in out.parent.glob("a.sqlite*"):
            content = bytearray(path.read_bytes())
            for _ in range(200):
                if content:
                    content[lab.rng.randrange(len(content))] ^= 0xFF
            path.write_bytes(content)
        run = _start(lab, out, url, cache)
        code = run.finish(300)
        told = run.in_words and code in (0, 1, 2)
        note = "" if told else f"exit code {code}: " + " / ".join(run.lines[-6:])
        sound = is_whole(out) or not out.exists()
        for path in out.parent.glob("a.sqlite*"):
            path.unlink()
        return _finish(lab, out, url, cache, told, sound, note)


def _start(lab: Lab, out: Path, url: str, cache: Path) -> Run:
    more = ("--set", f"writer.base_url={url}", "--set", f"writer.cache={cache}")
    return lab.start(out, *more, recipe=RECIPE, environment=KEY)


def _finish(lab: Lab, out: Path, url: str, cache: Path, told: bool, sound: bool, note: str = "") -> Trial:
    """Run again with the server well, and compare with a build of its own."""
    run = _start(lab, out, url, cache)
    code = run.finish(300)
    whole = out.parent / "whole"
    other = _start(lab, whole, url, out.parent / "b.sqlite")
    if other.finish(300) != 0 or code != 0:
        return Trial(True, told, sound, code == 0, False, " ".join([*run.lines, *other.lines])[-300:])
    return Trial(True, told, sound, True, hash_tree(out) == hash_tree(whole), note)


def open_lab(root: Path, seed: int) -> Lab:
    """A lab without a right dataset: these faults compare with builds of their own."""
    return Lab(root, RECIPE, random.Random(seed))
