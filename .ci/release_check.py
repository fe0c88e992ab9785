"""Checks a release: built twice with the same bytes, installed alone, the main job done with each file.

make release-check            # leaves the checked files in dist/
make release-check RELEASE=1  # also wants a released heading in CHANGELOG.md, and a public address
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
NEEDED = (
    "_data/recipes/mednega.yaml",
    "_data/prompts/claims.j2",
    "_data/schemas/mednega.json",
    "_data/examples/labels.csv",
    "_data/examples/first_dataset.ipynb",
    "ontologies/chest_xray.yaml",
    "py.typed",
)
"""Files without which a wheel is no use away from the repository."""
LARGEST = 1_000
"""Megabytes that the base install may take, with its libraries and their compiled modules."""
JOB = """
import nastdata, sys
assert "site-packages" in nastdata.__file__, nastdata.__file__
assert nastdata.__version__ == sys.argv[1], nastdata.__version__
assert nastdata.parse("No pleural effusion.").labels == {"Pleural Effusion": 0}
dataset = nastdata.build("mednega", limit=40, phantom_patients=400)
assert dataset.validate(expectations=False).passed
assert dataset.to_hf(split="train").num_rows > 0
"""


def main() -> None:
    """Run every check; leave the files in ``dist/``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--release", action="store_true", help="want a released heading in CHANGELOG.md")
    parser.add_argument("--python", default=sys.executable)
    given = parser.parse_args()
    version = check_versions(release=given.release)
    if given.release:
        check_addresses()
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        here = Path(name)
        tools = make_environment(given.python, here / "tools")
        run(tools, "-m", "pip", "install", "--quiet", "build")
        first, second = (build(tools, here / f"copy-{i}") for i in (1, 2))
        assert len(first) == 2, f"a wheel and a source archive, not {sorted(first)}"
        assert first == second, f"two builds differ: {first} and {second}"
        files = sorted((here / "copy-1" / "dist").iterdir())
        for path in files:
            check_content(path)
            check_job(given.python, path, here / f"env-{path.suffix[1:]}", version)
        shutil.rmtree(ROOT / "dist", ignore_errors=True)
        shutil.copytree(here / "copy-1" / "dist", ROOT / "dist")
    for file, digest in first.items():
        print(f"{digest}  dist/{file}")


def check_versions(*, release: bool) -> str:
    """Return the version; the changelog and the citation must name it."""
    text = (ROOT / "nastdata/__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"$', text, re.M)[1]  # type: ignore[index]
    heading = re.search(r"^## (\S+)(.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert heading and heading[1] == version, (
        f"CHANGELOG.md begins with {heading and heading[1]}, not {version}"
    )
    assert not (release and "unreleased" in heading[2]), "CHANGELOG.md says 'unreleased'"
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)
    assert cited and cited[1] == version, f"CITATION.cff names {cited and cited[1]}, not {version}"
    return version


def check_addresses() -> None:
    """The project's address must be a real one, and the same everywhere."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    cited = re.search(r'^repository-code: "(.+)"$', (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)
    assert cited and cited[1] == urls["Source"], "CITATION.cff and pyproject.toml name different addresses"
    made_up = [u for u in urls.values() if (urlsplit(u).hostname or "").endswith(".example")]
    assert not made_up, (
        f"put the project's public address into pyproject.toml and CITATION.cff, not {made_up[0]}"
    )


def build(python: Path, copy: Path) -> dict[str, str]:
    """Build both files from a fresh copy of the tracked files; return name -> sha256."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], check=True, capture_output=True, text=True
    ).stdout
    for name in (n for n in listed.split("\0") if n and (ROOT / n).is_file()):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
    run(python, "-m", "build", "--outdir", str(copy / "dist"), str(copy))
    made = sorted((copy / "dist").iterdir())
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in made}


def check_content(path: Path) -> None:
    """Check what is in a file, and what is not."""
    if path.suffix == ".whl":
        names = zipfile.ZipFile(path).namelist()
        missing = [n for n in NEEDED if f"nastdata/{n}" not in names]
        assert not missing, f"{path.name} lacks {missing}"
        strange = [n for n in names if n.split("/")[0] != "nastdata" and ".dist-info" not in n]
        assert not strange, f"{path.name} holds {strange}"
    else:
        with tarfile.open(path) as file:
            names = file.getnames()
        assert any(n.endswith("/tests/test_wheel.py") for n in names), f"{path.name} lacks the tests"
    assert not [n for n in names if "__pycache__" in n or n.endswith((".env", ".key"))]


def check_job(python: str, path: Path, folder: Path, version: str) -> None:
    """Install a file into an empty environment and do the main job there, away from the repository."""
    alone = make_environment(python, folder)
    run(alone, "-m", "pip", "install", "--quiet", str(path))
    assert run(alone, "-c", "import torch", check=False) != 0, "the base install must not bring torch"
    run(alone, "-I", "-c", JOB, version, cwd=folder)
    command = ["-I", "-m", "nastdata", "build", "mednega", "--limit", "40", "--set", "phantom_patients=400"]
    run(alone, *command, cwd=folder)
    assert (folder / "nast-mednega-phantom" / "report.html").is_file()
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink()) / 1e6
    assert size < LARGEST, f"the base install takes {size:,.0f} MB; at most {LARGEST:,} are light"
    print(f"{path.name}: installed alone ({size:,.0f} MB), built, checked, loaded", flush=True)


def make_environment(python: str, folder: Path) -> Path:
    """Return the Python of a new, empty environment."""
    if Path(python).resolve() == Path(sys.executable).resolve():
        venv.create(folder, with_pip=True)
    else:
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
    return folder / "bin" / "python"


def run(python: Path, *words: str, cwd: Path | None = None, check: bool = True) -> int:
    """Run Python; its output is shown if it fails."""
    done = subprocess.run([str(python), *words], cwd=cwd, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.returncode


if __name__ == "__main__":
    main()
