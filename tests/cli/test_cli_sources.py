"""``nastdata sources``: what each corpus needs, where it was looked for, what was found, its terms."""

from __future__ import annotations

import json
from pathlib import Path

from commands import Run
from dicoms import draw, make_dicom
from own_tables import describe
from trees import make_tree

from nastdata.sources import list_sources


def test_sources_lists_every_corpus(run: Run) -> None:
    done = run("sources")
    assert done.returncode == 0 and not done.stderr
    for name in list_sources():
        assert f"\n{name} " in f"\n{done.stdout}"
    assert "looked in" in done.stdout and "LLM service" in done.stdout


def test_sources_finds_a_tree(run: Run, tmp_path: Path) -> None:
    make_tree(tmp_path, 5)
    done = run("sources", "--data", str(tmp_path), "--json")
    rows = {r["name"]: r for r in json.loads(done.stdout)}
    assert set(rows) == set(list_sources())
    assert len(rows["mimic-cxr"]["found"]) == 3 and len(rows["cad-chest"]["found"]) == 3
    assert not rows["openi"]["usable"] and rows["phantom"]["usable"]
    assert rows["mimic-cxr"]["terms"]["may_publish"] == "no"


def test_sources_refuses_a_missing_folder(run: Run, tmp_path: Path) -> None:
    done = run("sources", "--data", str(tmp_path / "x"))
    assert done.returncode == 2 and "no such folder" in done.stderr


def test_bad_input_ends_with_two_plain_lines(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "train.csv"
    bad.write_text("Path,Edma\na,1\n", encoding="utf-8")
    out = tmp_path / "out"
    done = run("build", "mednega", "--source", "chexpert", "--data", str(bad), "--out", str(out))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr and str(bad) in done.stderr
    assert not out.exists()


def test_check_names_all_problems_of_a_description_at_once(run: Run, tmp_path: Path) -> None:
    path = describe(
        tmp_path,
        image_rot="x",
        labels={
            "layout": "columns",
            "columns": {"a": "Pleural Efusion", "b": {"condition": "Edma"}, "c": "ignore"},
        },
    )
    done = run("sources", "check", path.name, cwd=tmp_path)
    assert done.returncode == 2 and "3 problems" in done.stderr
    for said in (
        "unknown key 'image_rot'",
        "'a': no condition 'Pleural Efusion'",
        "'b': no condition 'Edma'",
    ):
        assert said in done.stderr
    assert "did you mean 'Pleural Effusion'?" in done.stderr and "'c'" not in done.stderr


def test_check_does_not_send_its_user_to_itself(run: Run, tmp_path: Path) -> None:
    rows = "".join(f"{i},{i}.png,{i % 2},perhaps,1\n" for i in range(9))
    (tmp_path / "films.csv").write_text("pid,image,effusion,ptx,broken rib\n" + rows)
    done = run("sources", "check", describe(tmp_path).name, cwd=tmp_path)
    assert done.returncode == 1 and "9 of 9 rows can't be used\n" in done.stdout
    assert "rejects.parquet" not in done.stdout + done.stderr


def test_check_says_which_language_is_not_read(run: Run, tmp_path: Path) -> None:
    text = "Kein Pleuraerguss. Herz normal gro\u00df. Keine Stauung, kein Infiltrat."
    (tmp_path / "films.csv").write_text("pid,text\n" + "".join(f'{i},"{text}"\n' for i in range(60)))
    path = describe(tmp_path, columns={"patient": "pid"}, labels=None, reports={"column": "text"})
    done = run("sources", "check", path.name, cwd=tmp_path)
    assert "60 of 60 texts are in German, which is not read" in done.stdout, done.stdout + done.stderr


def test_check_warns_of_paths_that_hold_a_name_of_the_header(run: Run, tmp_path: Path) -> None:
    (tmp_path / "xrays").mkdir()
    stems = ("Planterton_Zed_000", "0001")
    for stem in stems:
        image = make_dicom(draw(), PatientName="Planterton^Zed")
        image.save_as(tmp_path / "xrays" / f"{stem}.dcm", enforce_file_format=True)
    rows = "".join(f"{i},{s}.dcm,1,0,1\n" for i, s in enumerate(stems))
    (tmp_path / "films.csv").write_text("pid,image,effusion,ptx,broken rib\n" + rows)
    done = run("sources", "check", describe(tmp_path, image_root="xrays").name, cwd=tmp_path)
    assert "1 of 2 image paths hold a name of the images' headers" in done.stdout, done.stdout + done.stderr
    rows = rows.replace(stems[0], "0002")
    (tmp_path / "films.csv").write_text("pid,image,effusion,ptx,broken rib\n" + rows)
    done = run("sources", "check", describe(tmp_path, image_root="xrays").name, cwd=tmp_path)
    assert "image paths hold" not in done.stdout and "2 used" in done.stdout
