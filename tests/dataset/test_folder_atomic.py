"""The folder is the old one or the new one, whatever happens while it is written."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dataset_frames import make_frames, make_manifest, make_rejects

from nastdata.dataset import atomic
from nastdata.dataset.atomic import clear_stale, replace_folder
from nastdata.dataset.folder import check_output, read_dataset, update_dataset, write_dataset
from nastdata.errors import UserError

HERE = Path(__file__).parents[1] / "helpers"


def is_whole(out: Path) -> bool:
    """Whether every file is there as the manifest says, and none besides (independent of the writer)."""
    manifest = json.loads((out / "manifest.json").read_text())
    names = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()} - {"manifest.json"}
    right = all(
        hashlib.sha256((out / n).read_bytes()).hexdigest() == h for n, h in manifest["outputs"].items()
    )
    return right and names == set(manifest["outputs"])


def write(out: Path, n: int = 5) -> Path:
    return write_dataset(out, make_frames(n), make_rejects(), make_manifest())


def leftovers(out: Path) -> list[str]:
    return sorted(p.name for p in out.parent.iterdir() if p != out)


WRITE_FOREVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from dataset_frames import make_frames, make_manifest, make_rejects
from nastdata.dataset.folder import write_dataset
frames = [make_frames(n) for n in (20, 40)]
print("ready", flush=True)
i = 0
while True:
    write_dataset(Path(sys.argv[1]), frames[i % 2], make_rejects(), {**make_manifest(), "seed": i})
    i += 1
"""


@pytest.mark.parametrize("exists", [True, False])
def test_kill_9_leaves_the_old_folder_or_the_new(tmp_path: Path, exists: bool) -> None:
    out = tmp_path / "here" / "out"
    pause = random.Random(exists)
    states = []
    for _ in range(8):
        if exists and not out.exists():
            write(out)
        elif not exists and out.exists():
            for path in sorted(out.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            out.rmdir()
        command = [sys.executable, "-c", WRITE_FOREVER, str(out), str(HERE)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(pause.uniform(0, 0.8))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert out.exists() or not exists
        if out.exists():
            assert is_whole(out)
        states.append(out.exists())
    check_output(out)
    assert leftovers(out) == [], "the next start clears away what killed builds left"


def test_an_error_on_the_way_leaves_the_old_folder(tmp_path: Path) -> None:
    out = write(tmp_path / "out")
    before = (out / "manifest.json").read_bytes()
    with pytest.raises(RuntimeError), replace_folder(out) as partial:
        (partial / "half").write_text("x")
        raise RuntimeError
    with pytest.raises(ValueError, match="lacking"):
        write_dataset(out, {"probes": make_frames(5)["probes"].drop("foil")}, make_rejects(), make_manifest())
    assert (out / "manifest.json").read_bytes() == before
    assert leftovers(out) == []
    with pytest.raises(RuntimeError), replace_folder(tmp_path / "a" / "b" / "c"):
        raise RuntimeError
    assert leftovers(out) == [], "parents made for it are gone too"


def test_where_names_cannot_be_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_exchange", lambda a, b: False)
    out = write(tmp_path / "out")
    write(out, 10)
    assert is_whole(out) and read_dataset(out).read("mednega").height == 10
    assert leftovers(out) == []
    out.rename(tmp_path / ".out.old-999999999")  # killed between the two renames
    clear_stale(out)
    assert is_whole(out) and leftovers(out) == []


def test_a_partial_folder_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    mine = tmp_path / f".out.partial-{os.getpid()}"
    dead = tmp_path / ".out.partial-999999999"
    other = tmp_path / ".out.partial-note"
    for folder in (mine, dead, other):
        folder.mkdir()
    clear_stale(out)
    assert mine.exists() and other.exists() and not dead.exists()
    write(out)
    assert is_whole(out) and mine.exists()


def test_what_is_not_ours_is_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    check_output(foreign)  # empty is fine
    (foreign / "chapter.tex").write_text("x")
    with pytest.raises(UserError, match=r"holds other things \(chapter.tex\)"):
        write(foreign)
    assert [p.name for p in foreign.iterdir()] == ["chapter.tex"]
    (foreign / "manifest.json").write_text('{"name": "a web app"}')
    with pytest.raises(UserError, match="holds other things"):
        check_output(foreign)
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(UserError, match="a file of that name exists"):
        check_output(file)
    with pytest.raises(UserError, match="not a folder"):
        check_output(file / "out")
    assert sorted(leftovers(foreign)) == ["file"]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not writable|can't be written"):
        check_output(Path("/proc/out"))
    if os.getuid() != 0:
        tmp_path.chmod(0o500)
        with pytest.raises(UserError, match="not writable"):
            check_output(tmp_path / "out")
        tmp_path.chmod(0o700)


FILL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from dataset_frames import make_frames, make_manifest, make_rejects
from nastdata.dataset.folder import write_dataset
from nastdata.errors import UserError
if sys.argv[3] == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_dataset(Path(sys.argv[1]), make_frames(3000), make_rejects(), make_manifest())
except UserError as e:
    print(e)
"""


def fill(out: Path, how: str) -> str:
    command = [sys.executable, "-c", FILL, str(out), str(HERE), how]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_disk_full_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    assert "the disk is full" in fill(out, "limit")
    assert list(tmp_path.iterdir()) == []
    old = write(tmp_path / "out")
    assert "the disk is full" in fill(old, "limit")
    assert is_whole(old) and leftovers(old) == []


def test_a_small_file_system_fills_up(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small file system")
    try:
        assert "the disk is full" in fill(disk / "out", "disk")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_update_changes_the_manifest_and_what_is_written_from_it(tmp_path: Path) -> None:
    out = write(tmp_path / "out")
    audit = make_manifest()["audit"]
    audit["solvers"][1]["accuracy"] = 0.333
    update_dataset(read_dataset(out), {"audit": audit})
    assert is_whole(out)
    assert json.loads((out / "manifest.json").read_text())["audit"] == audit
    for name in ("README.md", "croissant.json", "report.html"):
        assert "33.3" in (out / name).read_text(), name


def test_update_does_not_bless_damage(tmp_path: Path) -> None:
    out = write(tmp_path / "out")
    shard = out / "data/probes/test-00000-of-00001.parquet"
    shard.write_bytes((out / "data/probes/train-00000-of-00001.parquet").read_bytes())
    update_dataset(read_dataset(out), {})
    assert not is_whole(out)
    shard.write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(UserError, match="damaged"):
        update_dataset(read_dataset(out), {})


def test_folders_of_others_are_read_and_told(tmp_path: Path) -> None:
    out = write(tmp_path / "out")
    for name in ("manifest.json", "README.md", "croissant.json", "report.html"):
        (out / name).unlink()
    (out / "data" / "mine").mkdir()
    folder = read_dataset(out)
    assert folder.manifest is None and len(folder.notes) == 2
    assert folder.read("mednega").height == 5
    update_dataset(folder, {})
    assert (out / "report.html").is_file() and not (out / "manifest.json").exists()


@pytest.mark.parametrize(
    ("content", "said"), [("{", "not a readable manifest"), ('{"a": 1}', "not a manifest of nastdata")]
)
def test_a_broken_manifest_is_told(tmp_path: Path, content: str, said: str) -> None:
    out = write(tmp_path / "out")
    (out / "manifest.json").write_text(content)
    with pytest.raises(UserError, match=said):
        read_dataset(out)


def test_no_folder_no_data_no_config(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        read_dataset(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no dataset"):
        read_dataset(tmp_path)
    folder = read_dataset(write(tmp_path / "out"))
    with pytest.raises(UserError, match="did you mean 'mednega'"):
        folder.read("mednga")
    with pytest.raises(UserError, match="did you mean 'train'"):
        folder.read("mednega", "trian")
