"""Nothing connects to anything but this machine, whatever the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

GUARD = """
import os, socket

def far(address):
    if not isinstance(address, tuple):
        return False  # a Unix socket
    host = str(address[0])
    return not (host in ("localhost", "::1", "") or host.startswith("127."))

def note(what):
    with open(os.environ["EGRESS_LOG"], "a") as log:
        log.write(f"{what}\\n")
    raise OSError(f"no network here: {what}")

connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo
socket.socket.connect = lambda s, a: note(f"connect {a}") if far(a) else connect(s, a)
socket.socket.connect_ex = lambda s, a: note(f"connect {a}") if far(a) else connect_ex(s, a)
socket.getaddrinfo = lambda host, *a, **k: (
    note(f"look up {host}") if far((host or "",)) and host != socket.gethostname() else look_up(host, *a, **k)
)
"""


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guard")
    (folder / "sitecustomize.py").write_text(GUARD)
    return folder


def run(guard: Path, log: Path, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_"))}
    path = os.pathsep.join([str(guard), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    env = {**kept, "PYTHONPATH": path, "EGRESS_LOG": str(log)}
    command = [sys.executable, "-m", "nastdata", *args]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)


def test_the_guard_itself_works(guard: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(guard), "EGRESS_LOG": str(tmp_path / "log")}
    code = "import urllib.request; urllib.request.urlopen('http://192.0.2.1/', timeout=1)"
    assert subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=False).returncode
    assert "192.0.2.1" in (tmp_path / "log").read_text()


def test_no_command_leaves_the_machine(
    guard: Path, native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    log = tmp_path / "egress.log"
    model, images = f"open_clip:{native_folder}", f"tiny={tiny[1]}"
    recipe = {"recipe": "train", "model": model, "data": str(tiny[0]), "images": {"tiny": str(tiny[1])}}
    recipe |= {
        "steps": 2,
        "batch_size": 8,
        "claim_sets": 8,
        "validate_every": 2,
        "cache": str(tmp_path / "c"),
    }
    (tmp_path / "train.yaml").write_text(json.dumps(recipe))
    quick = ["--set", "phantom_patients=100", "--limit", "8"]
    commands = [
        ["build", "mednega", *quick, "--out", "m"],
        ["validate", "m"],
        ["audit", "m"],
        ["report", "m"],
        ["export", "m", "--format", "nast", "--out", "e", "--split", "all"],
        ["evaluate", str(tiny[0]), "--model", model, "--images", images, "--out", "ev"],
        ["train", "train.yaml", "--out", "run"],
    ]
    for args in commands:
        done = run(guard, log, *args, cwd=tmp_path)
        assert done.returncode in (0, 1) and "Traceback" not in done.stderr, (args, done.stderr[-800:])
    assert not log.exists(), log.read_text()


def test_a_model_of_the_hub_is_refused_in_words(guard: Path, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    log = tmp_path / "egress.log"
    args = ["evaluate", str(tiny[0]), "--model", "open_clip:hf-hub:nobody/nothing", "--out", "ev"]
    done = run(guard, log, *args, "--images", f"tiny={tiny[1]}", cwd=tmp_path)
    assert done.returncode == 2 and "downloads are off" in done.stderr, done.stderr
    assert not log.exists()
