"""Publishing: what may be pushed, what would be, and that what arrived is what was sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nastdata.checks.identities.gate import check_identities
from nastdata.dataset import manifest as manifests
from nastdata.dataset.folder import DatasetFolder, read_dataset
from nastdata.errors import UserError
from nastdata.terms import Inherited, inherit_terms

REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """A push that is allowed: every file with its size and sha256."""

    folder: DatasetFolder
    repo: str
    private: bool
    tag: str
    terms: Inherited
    files: dict[str, tuple[int, str]]
    """Path in the repository -> (bytes, sha256)."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())


@dataclass(frozen=True)
class Published:
    """A push that was made and read back."""

    url: str
    commit: str
    tag: str
    changed: bool
    """Whether anything had to be pushed; False if the hub had just this."""


def plan_push(
    path: Path,
    repo: str,
    *,
    private: bool,
    tag: str | None = None,
    image_roots: Mapping[str, Path] | None = None,
    say: Say = lambda _: None,
) -> Plan:
    """Check that a dataset folder may be pushed and is whole and valid; nothing is sent.

    Args:
        path: the dataset folder.
        repo: ``ORG/NAME`` on the hub.
        private: whether the repository is to be private.
        tag: name of the version; made from package version and content if not given.
        image_roots: source -> the folder of its images, whose headers are read for names that must not be in
            the dataset.
        say: told what is being checked.

    Raises:
        UserError: if the terms forbid it, or the folder is not one that a build wrote, or is not valid.
    """
    if not REPO.fullmatch(repo):
        raise UserError("not of the form ORG/NAME", where=f"--repo {repo}", how="e.g. --repo my-lab/mednega")
    folder = read_dataset(path)
    if folder.manifest is None:
        raise UserError(
            "has no manifest.json, so nothing is known of its sources and terms",
            where=str(path),
            how="publish a folder that `nastdata build` wrote",
        )
    terms = check_terms(folder.manifest, path, private=private)
    files = list_files(folder)
    say("checking the folder")
    check_identities(folder)
    _check_valid(folder, image_roots or {})
    version = str(folder.manifest["nastdata"])
    return Plan(
        *(folder, repo, private, tag or f"v{version}-{files[manifests.NAME][1][:8]}", terms),
        files,
    )


def check_terms(manifest: Mapping[str, Any], path: Path, *, private: bool) -> Inherited:
    """Return a dataset's terms if they allow the push.

    Raises:
        UserError: if not; it names the ways that are allowed.
    """
    terms = inherit_terms(manifest.get("sources") or [])
    by = ", ".join(terms.strictest) or "unknown sources"
    unstated = [s["name"] for s in manifest.get("sources") or [] if _is_unstated(s["terms"])]
    if terms.may_publish == "yes" or (terms.may_publish == "private" and private):
        if unstated:
            raise UserError(
                f"the licence of {', '.join(unstated)} is not stated",
                where=str(path),
                how="add it to the description (rights: licence: cc-by-4.0, or the name of your agreement), "
                "and build again",
            )
        return terms
    if terms.may_publish == "private":
        raise UserError(
            f"the terms of {by} ({terms.licence_name}) do not allow publication",
            where=str(path),
            how=f"--private, if your agreement allows it; or share what rebuilds it: nastdata bundle {path}",
        )
    raise UserError(
        f"the terms of {by} ({terms.licence_name}) allow no hub, public or private",
        where=str(path),
        how=f"submit it to PhysioNet under the same agreement (nastdata bundle {path} --physionet), "
        f"or share what rebuilds it: nastdata bundle {path}",
    )


def _is_unstated(terms: Mapping[str, Any]) -> bool:
    return str(terms.get("licence") or "").strip().lower() in ("", "not stated")


def list_files(folder: DatasetFolder) -> dict[str, tuple[int, str]]:
    """Return path -> (bytes, sha256) of what a manifest names, and of itself.

    Raises:
        UserError: if a file is missing, is not as the manifest records it, or is not named in it.
    """
    manifest = folder.manifest or {}
    out: dict[str, tuple[int, str]] = {}
    for name, recorded in manifest.get("outputs", {}).items():
        file = folder.path / name
        if not file.is_file():
            raise UserError("missing", where=str(file), how=f"nastdata validate {folder.path}")
        found = manifests.hash_file(file)
        if found != recorded:
            raise UserError(
                "not as the manifest records it", where=str(file), how=f"nastdata validate {folder.path}"
            )
        out[name] = (file.stat().st_size, found)
    own = folder.path / manifests.NAME
    out[manifests.NAME] = (own.stat().st_size, manifests.hash_file(own))
    strange = sorted(
        name
        for p in folder.path.rglob("*")
        if p.is_file() and (name := p.relative_to(folder.path).as_posix()) not in out
    )
    if strange:
        raise UserError(
            f"holds files that the manifest does not name ({', '.join(strange[:3])})",
            where=str(folder.path),
            how="move them elsewhere; only what the build wrote is pushed",
        )
    return out


def push(
    plan: Plan, *, endpoint: str | None = None, token: str | None = None, say: Say = lambda _: None
) -> Published:
    """Push in one commit, read it back, compare, and tag it.

    Args:
        plan: what ``plan_push`` allowed.
        endpoint: of the hub; huggingface_hub's own setting if None.
        token: to log in with; huggingface_hub's own setting if None.
        say: told what is under way.

    Raises:
        UserError: if the hub refuses or can't be reached; then no part of the push is visible.
    """
    from nastdata.publishing.hub import Hub

    hub = Hub(plan.repo, endpoint=endpoint, token=token, say=say)
    hub.prepare(private=plan.private)
    files = {name: plan.folder.path / name for name in plan.files}
    commit, changed = hub.commit(files, {n: sha for n, (_, sha) in plan.files.items()}, f"Dataset {plan.tag}")
    say("reading it back")
    verify(hub, plan, commit)
    hub.tag(plan.tag, commit)
    return Published(hub.url, commit, plan.tag, changed)


def verify(hub: Any, plan: Plan, commit: str) -> None:
    """Load a commit back and compare every file, and the rows, with what was sent.

    Raises:
        UserError: if anything differs.
    """
    import tempfile

    with tempfile.TemporaryDirectory(prefix="nastdata-verify-") as place:
        for name, (_, sha) in plan.files.items():
            found = manifests.hash_file(hub.fetch(name, commit, Path(place)))
            if found != sha:
                raise UserError(
                    f"what the hub gives back differs from what was sent ({found[:12]}, not {sha[:12]})",
                    where=f"{plan.repo}@{commit[:12]}: {name}",
                    how="do not use this revision; push again",
                )
        back = read_dataset(Path(place))
        recorded = (plan.folder.manifest or {})["rows"]
        for config in back.configs:
            rows = dict(back.scan(config).group_by("split").len().collect().iter_rows())
            if rows != {split: n for split, n in recorded[config].items() if n}:
                raise UserError("rows differ from the manifest", where=f"{plan.repo}: {config}")


def _check_valid(folder: DatasetFolder, image_roots: Mapping[str, Path]) -> None:
    """Run the quality gate; the blind audit is taken from the manifest, where the build put it."""
    from nastdata.checks.run import validate_folder

    report = validate_folder(folder.path, audit=False, image_roots=image_roots)
    audit = (folder.manifest or {}).get("audit") or {}
    failed = [*report.failed_rules, *(["audit"] if audit.get("verdict", {}).get("failures") else [])]
    if failed:
        raise UserError(
            f"does not validate ({', '.join(failed)})",
            where=str(folder.path),
            how=f"nastdata validate {folder.path}",
        )
