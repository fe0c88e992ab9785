"""Publishing over real HTTP to a local hub: one commit or none, read back, refused where terms say so."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dataset_frames import make_terms
from hub_server import TOKEN, Fault, Hub, serve_hub

from nastdata.dataset.folder import read_dataset, write_dataset
from nastdata.errors import UserError
from nastdata.publishing import hub as hub_module
from nastdata.publishing.publish import Plan, Published, check_terms, plan_push, push

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
"""huggingface_hub's own use of its HTTP library."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(hub_module.Hub.__init__, "__kwdefaults__", {**INIT_DEFAULTS, "wait": 0.01})
    with serve_hub() as server:
        yield server


INIT_DEFAULTS: dict[str, Any] = dict(hub_module.Hub.__init__.__kwdefaults__ or {})


@cache
def plan_once(folder: Path) -> Plan:
    """Checking a folder takes seconds; the fault tests push the same one over and over."""
    return plan_push(folder, "lab/mednega", private=False)


def send(folder: Path, hub: Hub, repo: str = "lab/mednega", token: str = TOKEN) -> Published:
    return push(replace(plan_once(folder), repo=repo), endpoint=hub.endpoint, token=token)


def check_and_send(folder: Path, hub: Hub, *, private: bool = False) -> Published:
    plan = plan_push(folder, "lab/mednega", private=private)
    return push(plan, endpoint=hub.endpoint, token=TOKEN)


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def with_terms(folder: Path, out: Path, publish: str) -> Path:
    """The same build as if its source had other terms."""
    opened = read_dataset(folder)
    manifest = dict(opened.manifest or {})
    manifest["sources"] = [{**s, "terms": make_terms(publish)} for s in manifest["sources"]]
    rejects = opened.read_rejects()
    assert rejects is not None
    frames = {name: opened.read(name) for name in opened.configs}
    return write_dataset(out, frames, rejects, manifest)


def test_what_arrives_is_what_was_sent(mednega_build: Path, hub: Hub) -> None:
    done = send(mednega_build, hub)
    repo = hub.repos["lab/mednega"]
    arrived = dict(repo.commits[repo.head])
    arrived.pop(".gitattributes")
    assert arrived == files_of(mednega_build)
    assert repo.tags == {done.tag: repo.head} and done.commit == repo.head
    assert len(repo.commits) == 2
    assert not repo.private


def test_pushing_the_same_again_changes_nothing(mednega_build: Path, hub: Hub) -> None:
    first = send(mednega_build, hub)
    again = send(mednega_build, hub)
    assert (again.commit, again.changed, first.changed) == (first.commit, False, True)
    assert len(hub.repos["lab/mednega"].commits) == 2


def test_a_new_version_leaves_no_file_of_the_old_one(
    mednega_build: Path, contextual_build: Path, hub: Hub
) -> None:
    old = send(mednega_build, hub)
    new = send(contextual_build, hub)
    repo = hub.repos["lab/mednega"]
    now = dict(repo.commits[repo.head])
    now.pop(".gitattributes")
    assert now == files_of(contextual_build)
    assert repo.tags == {old.tag: old.commit, new.tag: new.commit} and old.tag != new.tag


FAULTS = [
    Fault("POST", "/api/repos/create", "500"),
    Fault("POST", "/preupload/", "drop"),
    Fault("POST", "/objects/batch", "500"),
    Fault("PUT", "/lfs/", "500", 2),
    Fault("PUT", "/lfs/", "drop", 2),
    Fault("POST", "/commit/", "500"),
    Fault("POST", "/commit/", "drop"),
    Fault("POST", "/commit/", "lost"),
    Fault("GET", "/resolve/", "drop"),
    Fault("POST", "/tag/", "500"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.method}{f.path.replace('/', '-')}-{f.kind}")
def test_a_passing_fault_is_survived(mednega_build: Path, hub: Hub, fault: Fault) -> None:
    hub.faults.append(Fault(fault.method, fault.path, fault.kind, fault.times))
    done = send(mednega_build, hub)
    repo = hub.repos["lab/mednega"]
    assert hub.faults[0].times == 0
    assert len(repo.commits) == 2 and repo.tags == {done.tag: repo.head}
    assert {n: repo.commits[repo.head][n] for n in files_of(mednega_build)} == files_of(mednega_build)


@pytest.mark.parametrize("where", [("PUT", "/lfs/"), ("POST", "/commit/")])
@pytest.mark.parametrize("kind", ["500", "drop"])
def test_a_lasting_fault_leaves_nothing_visible_and_a_second_run_goes_on(
    mednega_build: Path, hub: Hub, where: tuple[str, str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.faults.append(Fault(*where, kind, 10**6))
    with pytest.raises(UserError, match="nothing of this push is visible"):
        send(mednega_build, hub)
    repo = hub.repos["lab/mednega"]
    assert set(repo.commits[repo.head]) == {".gitattributes"} and not repo.tags
    uploaded = set(hub.objects)
    hub.faults.clear()
    hub.log.clear()
    send(mednega_build, hub)
    sent_again = {line.rpartition("/")[2] for line in hub.log if line.startswith("PUT /lfs/")}
    assert not sent_again & uploaded
    assert len(repo.commits) == 2


def test_damage_on_the_way_is_found_and_not_tagged(mednega_build: Path, hub: Hub) -> None:
    hub.damage = b"x"
    with pytest.raises(UserError, match=r"differs|consistent|reading back"):
        send(mednega_build, hub)
    assert not hub.repos["lab/mednega"].tags


def test_somebody_else_pushing_meanwhile_is_not_overwritten(
    mednega_build: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = hub_module.Hub._moved

    def meanwhile(self: Any, *args: Any) -> bool:
        repo = hub.repos["lab/mednega"]
        repo.commit({**repo.commits[repo.head], "data/theirs.csv": b"theirs"}, set())
        return real(self, *args)

    monkeypatch.setattr(hub_module.Hub, "_moved", meanwhile)
    with pytest.raises(UserError, match="somebody else"):
        send(mednega_build, hub)
    repo = hub.repos["lab/mednega"]
    assert repo.commits[repo.head]["data/theirs.csv"] == b"theirs"


def test_somebody_else_pushing_in_the_last_moment_is_not_overwritten(
    mednega_build: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit builds on the head that was seen: the hub itself refuses it."""
    from huggingface_hub import HfApi

    real = HfApi.create_commit

    def meanwhile(self: Any, *args: Any, **options: Any) -> Any:
        repo = hub.repos["lab/mednega"]
        repo.commit({**repo.commits[repo.head], "data/theirs.csv": b"theirs"}, set())
        return real(self, *args, **options)

    monkeypatch.setattr(HfApi, "create_commit", meanwhile)
    with pytest.raises(UserError, match="somebody else"):
        send(mednega_build, hub)
    repo = hub.repos["lab/mednega"]
    assert set(repo.commits[repo.head]) == {".gitattributes", "data/theirs.csv"}


@pytest.mark.parametrize(
    ("publish", "private", "allowed"),
    [
        ("yes", False, True),
        ("yes", True, True),
        ("private", False, False),
        ("private", True, True),
        ("no", False, False),
        ("no", True, False),
    ],
)
def test_terms_decide(
    mednega_build: Path, tmp_path: Path, hub: Hub, publish: str, private: bool, allowed: bool
) -> None:
    folder = with_terms(mednega_build, tmp_path / "d", publish)
    if allowed:
        check_and_send(folder, hub, private=private)
        assert hub.repos["lab/mednega"].private == private
        return
    with pytest.raises(UserError) as told:
        check_and_send(folder, hub, private=private)
    assert "nastdata bundle" in str(told.value)
    assert ("--private" in str(told.value)) == (publish == "private")
    assert ("PhysioNet" in str(told.value)) == (publish == "no")
    assert not hub.log


@pytest.mark.parametrize(("publish", "private"), [("yes", False), ("private", True)])
def test_a_licence_that_is_not_stated_is_refused(publish: str, private: bool, tmp_path: Path) -> None:
    sources = [{"name": "mine", "terms": make_terms(publish, "not stated")}]
    with pytest.raises(UserError, match="the licence of mine is not stated") as told:
        check_terms({"sources": sources}, tmp_path, private=private)
    assert "rights: licence:" in str(told.value)
    sources[0]["terms"] = make_terms(publish, "cc-by-4.0")
    assert check_terms({"sources": sources}, tmp_path, private=private).licence_id == "cc-by-4.0"


def test_a_public_repository_is_refused_for_a_private_push(
    mednega_build: Path, tmp_path: Path, hub: Hub
) -> None:
    send(mednega_build, hub)
    folder = with_terms(mednega_build, tmp_path / "d", "private")
    with pytest.raises(UserError, match="public"):
        check_and_send(folder, hub, private=True)
    assert len(hub.repos["lab/mednega"].commits) == 2


def test_refusals_of_the_hub_are_told_plainly(mednega_build: Path, hub: Hub) -> None:
    for repo, token in (("lab/mednega", "hf_wrong"), ("forbidden/mednega", TOKEN)):
        with pytest.raises(UserError, match="does not let you") as told:
            send(mednega_build, hub, repo, token)
        assert token not in str(told.value)


@pytest.mark.parametrize("damage", ["row", "missing", "extra", "manifest"])
def test_a_folder_that_is_not_whole_is_refused(
    mednega_build: Path, tmp_path: Path, hub: Hub, damage: str
) -> None:
    folder = tmp_path / "d"
    shutil.copytree(mednega_build, folder)
    shard = next((folder / "data" / "mednega").glob("train-*.parquet"))
    if damage == "row":
        frame = pl.read_parquet(shard)
        frame.with_columns(pl.lit("A").alias("answer")).write_parquet(shard)
    elif damage == "missing":
        shard.unlink()
    elif damage == "extra":
        (folder / "notes.txt").write_text("secret")
    else:
        (folder / "manifest.json").unlink()
    with pytest.raises(UserError):
        check_and_send(folder, hub)
    assert not hub.log


def test_a_folder_that_does_not_validate_is_refused(mednega_build: Path, tmp_path: Path, hub: Hub) -> None:
    """Hashes may be right and the rows wrong: an answer was changed before writing."""
    opened = read_dataset(mednega_build)
    frame = opened.read("mednega")
    wrong = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 0)
        .then(pl.lit("A" if frame["answer"][0] != "A" else "B"))
        .otherwise("answer")
        .alias("answer")
    )
    rejects = opened.read_rejects()
    assert rejects is not None
    folder = write_dataset(tmp_path / "d", {"mednega": wrong}, rejects, dict(opened.manifest or {}))
    with pytest.raises(UserError, match="does not validate"):
        check_and_send(folder, hub)
    assert not hub.log


LOAD = """
import json, sys
from datasets import load_dataset
loaded = load_dataset(sys.argv[1], sys.argv[2], revision=sys.argv[3])
print(json.dumps({split: rows.to_list() for split, rows in loaded.items()}))
"""


def test_command_then_load_dataset_in_a_fresh_process(
    mednega_build: Path, tmp_path: Path, hub: Hub, run: Any
) -> None:
    env = {
        **os.environ,
        "HF_ENDPOINT": hub.endpoint,
        "HF_TOKEN": TOKEN,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    dry = run("publish", str(mednega_build), "--repo", "lab/mednega", "--dry-run", env=env)
    assert dry.returncode == 0 and not hub.log and "would push to lab/mednega (public)" in dry.stdout
    for name, content in files_of(mednega_build).items():
        assert name in dry.stdout and hashlib.sha256(content).hexdigest()[:12] in dry.stdout
    done = run("publish", str(mednega_build), "--repo", "lab/mednega", env=env)
    assert done.returncode == 0, done.stderr
    repo = hub.repos["lab/mednega"]
    (tag,) = repo.tags
    assert tag in done.stdout
    command = [sys.executable, "-c", LOAD, "lab/mednega", "mednega", tag]
    loaded = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    got = json.loads(loaded.stdout.splitlines()[-1])
    for split in ("train", "validation", "test"):
        files = sorted((mednega_build / "data" / "mednega").glob(f"{split}-*.parquet"))
        assert got[split] == pl.read_parquet(files).to_dicts()
    refused = run("publish", str(mednega_build), "--repo", "no-org", env=env)
    assert refused.returncode == 2 and len(refused.stderr.strip().splitlines()) == 2
