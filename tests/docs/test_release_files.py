"""What belongs to a release agrees with itself: workflows, Makefile, addresses, versions, extras."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from types import ModuleType
from typing import Any

import pytest
import yaml
from pages import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def read(path: Any) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def list_steps(path: Any) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


@pytest.fixture(scope="module")
def release_check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release_check", ROOT / ".ci/release_check.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_workflows_call_what_there_is() -> None:
    targets = set(re.findall(r"^([\w-]+):", MAKEFILE, re.M))
    called = [
        m for p in WORKFLOWS for s in list_steps(p) for m in re.findall(r"make ([\w-]+)", s.get("run", ""))
    ]
    assert {"lint", "test-base", "release-check", "docs", "audit"} <= set(called) <= targets
    files = [m for p in WORKFLOWS for s in list_steps(p) for m in re.findall(r"(\.ci/\w+)", s.get("run", ""))]
    assert files and all((ROOT / f).is_file() for f in files)


def test_workflows_have_few_rights() -> None:
    """Read-only by default, no credentials left behind, a time limit for each job."""
    assert len(WORKFLOWS) == 3
    for path in WORKFLOWS:
        found = read(path)
        assert found["permissions"] == {"contents": "read"}, path.name
        for step in list_steps(path):
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False, path.name
        writing = [j for j in found["jobs"].values() if "write" in (j.get("permissions") or {}).values()]
        assert all(j["environment"] for j in writing), "only jobs of an environment may write"
        limits = [j.get("timeout-minutes") for j in found["jobs"].values() if j not in writing]
        assert all(limits), path.name


def test_every_declared_python_is_tested() -> None:
    declared = {m for c in PROJECT["classifiers"] for m in re.findall(r"Python :: (3\.\d+)", c)}
    matrix = read(ROOT / ".github/workflows/ci.yml")["jobs"]["base"]["strategy"]["matrix"]
    assert set(matrix["python"]) == declared
    assert PROJECT["requires-python"] == f">={min(declared, key=lambda v: int(v.split('.')[1]))}"


def test_what_the_makefile_tests_is_there() -> None:
    named = re.findall(r"\b((?:tests|benchmarks|docs|\.ci)/[\w./-]+)", MAKEFILE)
    missing = [n for n in named if not (ROOT / n).exists() and n != "docs/benchmarks.md"]
    assert len(named) > 6 and not missing


def test_addresses_agree_and_a_made_up_one_is_not_released(
    release_check: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    hosts = {re.sub(r"https://([^/]+)/.*", r"\1", u) for u in PROJECT["urls"].values()}
    assert len(hosts) == 1
    for name in ("pyproject.toml", "CITATION.cff"):
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(release_check, "ROOT", tmp_path)
    if next(iter(hosts)).endswith(".example"):
        with pytest.raises(AssertionError, match="public address"):
            release_check.check_addresses()
    for name in ("pyproject.toml", "CITATION.cff"):
        text = (tmp_path / name).read_text(encoding="utf-8").replace(next(iter(hosts)), "www.example.org")
        (tmp_path / name).write_text(text, encoding="utf-8")
    release_check.check_addresses()
    cited = (tmp_path / "CITATION.cff").read_text(encoding="utf-8")
    (tmp_path / "CITATION.cff").write_text(
        cited.replace("www.example.org", "www.example.net"), encoding="utf-8"
    )
    with pytest.raises(AssertionError, match="different addresses"):
        release_check.check_addresses()


def test_the_version_is_in_one_place(release_check: ModuleType) -> None:
    import nastdata

    assert release_check.check_versions(release=False) == nastdata.__version__


def test_extras_are_those_that_the_program_names() -> None:
    from nastdata.extras import EXTRAS

    declared = PROJECT["optional-dependencies"]
    assert set(EXTRAS) == set(declared) - {"all", "dev", "docs"}
    all_of_them = re.findall(r"[\w-]+", declared["all"][0].split("[")[1])
    assert set(all_of_them) == set(EXTRAS) - {"llamacpp"}, (
        "llamacpp is built from source, so it is not in `all`"
    )
