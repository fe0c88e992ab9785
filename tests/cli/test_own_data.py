"""The newcomer's path: a table, or reports, that nobody planned for, to a dataset in five commands."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from commands import Run
from own_tables import describe, write_hospital_csv

from nastdata.ontology import load_ontology

KNEE = Path(__file__).parents[1] / "data" / "knee.yaml"
QUICK = ("--limit", "80", "--set", "audit.enabled=false", "--set", "writer.wordings=4")
"""What the shape of a dataset does not depend on."""
OWNER = "A. Doe, Images of St. Elsewhere, 2026"


def ok(done: Any, code: int = 0) -> str:
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return str(done.stdout + done.stderr)


def edit(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, (old, text)
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def test_a_hospitals_csv_to_a_dataset_that_may_be_published(run: Run, tmp_path: Path) -> None:
    write_hospital_csv(tmp_path / "export.csv")
    said = ok(run("sources", "new", "export.csv", "-o", "mine.yaml", cwd=tmp_path))
    assert "'Fremdkörper'" in said and "'Kardiomegalie' (near: Cardiomegaly" in said
    # a description is never overwritten by chance
    assert "exists already" in ok(run("sources", "new", "export.csv", "-o", "mine.yaml", cwd=tmp_path), 2)
    # three edits: what the names mean, what the words mean, who may do what
    edit(
        tmp_path / "mine.yaml",
        ("Pleuraerguss: ignore", "Pleuraerguss: Pleural Effusion"),
        ("Kardiomegalie: ignore", "Kardiomegalie: Cardiomegaly"),
        ('"Lungenödem": ignore', '"Lungenödem": Edema'),
        ("Verschattung: ignore", "Verschattung: Lung Opacity"),
    )
    edit(tmp_path / "mine.yaml", ("uncertain: []", "uncertain: [fraglich]"))
    edit(
        tmp_path / "mine.yaml",
        ("licence: not stated", "licence: cc-by-4.0"),
        ('citation: ""', f'citation: "{OWNER}"'),
        ("may_publish: no", "may_publish: yes"),
        ("title: export", "title: St. Elsewhere"),
    )
    table = ok(run("sources", "check", "mine.yaml", cwd=tmp_path))
    assert "1,200 rows in 1 file; 1,200 used, 0 not usable" in table
    found = json.loads(run("sources", "check", "mine.yaml", "--json", cwd=tmp_path).stdout)
    assert found["labels"]["Cardiomegaly"]["uncertain"] > 100
    assert found["labels"]["Fracture"]["blank"] == found["studies"] == 1200
    built = ok(run("build", "mednega", "--source", "mine.yaml", "--out", "out", *QUICK[2:], cwd=tmp_path))
    items = found["would_give"]["mednega"]
    assert f"mednega: {items:,} rows" in built
    ok(run("validate", "out", "--no-audit", cwd=tmp_path))
    plan = ok(run("publish", "out", "--repo", "doe/elsewhere", "--dry-run", cwd=tmp_path))
    assert "It may be published" in plan
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "license: cc-by-4.0" in card and OWNER in card and "from St. Elsewhere (version 1)" in card
    for other in ("CheXpert", "Stanford", "PhysioNet", "MIMIC"):
        assert other not in card
    rows = pl.read_parquet(tmp_path / "out" / "data" / "mednega" / "train-*.parquet")
    assert set(rows["source"]) == {"export"}
    assert rows["patient_id"].str.len_chars().unique().to_list() == [6]


SAID = (
    "There is a {grade} {side} pleural effusion.",
    "No pleural effusion.",
    "The heart is enlarged.",
    "The heart size is normal.",
    "No pneumothorax or focal consolidation.",
    "There is a {side} pneumothorax.",
    "Consolidation in the {side} lower lobe.",
    "No evidence of pulmonary edema.",
    "Mild pulmonary edema.",
    "A {side} rib fracture is seen.",
    "Possible {side} basilar atelectasis.",
)


def write_reports(draw: random.Random, n: int) -> list[str]:
    """Write made-up reports from sentences of our own; some contradict themselves."""
    out = []
    for _ in range(n):
        said = draw.sample(SAID, draw.randrange(3, 7))
        grade, side = draw.choice(("small", "moderate", "large")), draw.choice(("left", "right"))
        out.append("FINDINGS: " + " ".join(said).format(grade=grade, side=side))
    return out


def test_two_thousand_reports_to_a_dataset(run: Run, tmp_path: Path) -> None:
    texts = write_reports(random.Random(3), 2000)
    rows = [(f"{i // 2:05d}", f"E{i:06d}", t) for i, t in enumerate(texts)]
    pl.DataFrame(rows, schema=["Patient", "Exam", "Report text"], orient="row").write_csv(tmp_path / "r.csv")
    ok(run("sources", "new", "r.csv", "-o", "r.yaml", cwd=tmp_path))
    starter = yaml.safe_load((tmp_path / "r.yaml").read_text(encoding="utf-8"))
    assert starter["reports"] == {"column": "Report text"}
    assert starter["columns"] == {"patient": "Patient", "study": "Exam"}
    table = ok(run("sources", "check", "r.yaml", cwd=tmp_path))
    assert "2,000 rows in 1 file" in table and "could not be read in full" in table
    said = ok(
        run("build", "contextual", "--source", "r.yaml", "--out", "out", "--limit", "400", cwd=tmp_path)
    )
    assert "2,000 texts" in said
    ok(run("validate", "out", "--no-audit", cwd=tmp_path))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    counts = manifest["counts"]["sources"]["r"]
    reading = counts["report"]["reading"]
    # "the heart is enlarged" beside "the heart size is normal" and the like
    assert reading["findings both said and denied in one study"] > 50
    assert counts["report"]["located"] > 500 and counts["report"]["graded"] > 200
    assert counts["rows_in"] == 2000
    # sentences are for the user's eyes: beside the dataset, never in it
    sentences = pl.read_csv(tmp_path / "out.sentences.csv")
    assert len(sentences) == 50
    assert sentences.columns == ["source", "study", "sentence", "read_as", "not_read"]
    assert not list((tmp_path / "out").rglob("*sentences*"))
    # what the terms do not allow is refused
    refused = ok(run("publish", "out", "--repo", "doe/r", "--dry-run", cwd=tmp_path), 2)
    assert "the terms of r (not stated) allow no hub" in refused


def test_a_folder_of_reports_in_mimics_layout(run: Run, tmp_path: Path) -> None:
    texts = write_reports(random.Random(5), 120)
    for i, text in enumerate(texts):
        patient = f"p{10_000_000 + i // 2}"
        folder = tmp_path / "files" / patient[:3] / patient
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"s{50_000_000 + i}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "files" / "p10" / "broken.txt").write_bytes(b"caf\xe9")
    ok(run("sources", "new", "files", "-o", "mine.yaml", cwd=tmp_path))
    found = json.loads(run("sources", "check", "mine.yaml", "--json", cwd=tmp_path).stdout)
    assert (found["rows_in"], found["rejected"], found["patients"]) == (121, 1, 60)
    assert found["studies"] + sum(found["left_out"].values()) == 120
    assert found["unusable"][0]["key"] == "p10/broken.txt"


def test_a_report_that_says_and_denies_or_doubts_or_remembers(run: Run, tmp_path: Path) -> None:
    rows = [
        ("1", "a", "Small left pleural effusion. No pneumothorax."),
        ("1", "a", "IMPRESSION: No pleural effusion."),
        ("2", "b", "Possible pneumonia. No pleural effusion."),
        ("3", "c", ""),
        ("4", "d", "Technically limited."),
    ]
    pl.DataFrame(rows, schema=["pid", "study", "text"], orient="row").write_csv(tmp_path / "films.csv")
    describe(
        tmp_path,
        columns={"patient": "pid", "study": "study"},
        labels=None,
        reports={"column": "text"},
    )
    found = json.loads(run("sources", "check", "mine.yaml", "--json", cwd=tmp_path).stdout)
    assert found["labels"]["Pleural Effusion"] == {"present": 0, "absent": 1, "uncertain": 1, "blank": 0}
    assert found["labels"]["Pneumothorax"]["absent"] == 1
    assert found["labels"]["Pneumonia"]["present"] == 0
    assert found["left_out"] == {"no definite finding in the report": 1, "no report text": 1}


def test_several_sources_in_one_build_inherit_the_strictest_terms(run: Run, tmp_path: Path) -> None:
    write_hospital_csv(tmp_path / "films.csv", 600)
    labels = {
        "layout": "columns",
        "columns": {
            "Pleuraerguss": "Pleural Effusion",
            "Pneumothorax": "Pneumothorax",
            "Kardiomegalie": "Cardiomegaly",
        },
    }
    words = {"uncertain": ["fraglich"]}
    common: dict[str, Any] = {
        "read": {"encoding": "cp1252"},
        "columns": {"patient": "Fall-Nr", "image": "Bilddatei"},
        "labels": labels,
        "values": words,
    }
    describe(
        tmp_path, "a.yaml", **{**common, "name": "site-a", "rights": {"licence": "mit", "may_publish": "yes"}}
    )
    describe(tmp_path, "b.yaml", **{**common, "name": "site-b", "rights": {"licence": "ours"}})
    args = (
        "build",
        "mednega",
        "--source",
        "a.yaml,b.yaml,phantom",
        "--limit",
        "60",
        "--set",
        "phantom_patients=200",
    )
    ok(run(*args, "--out", "out", cwd=tmp_path))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert [s["name"] for s in manifest["sources"]] == ["site-a", "site-b", "phantom"]
    assert "site-b" in ok(run("publish", "out", "--repo", "x/y", "--dry-run", cwd=tmp_path), 2)
    assert sorted(p.name for p in (tmp_path / "out" / "sources").iterdir()) == ["site-a.yaml", "site-b.yaml"]
    (tmp_path / "c.yaml").write_bytes((tmp_path / "a.yaml").read_bytes())
    twice = ok(run("build", "mednega", "--source", "a.yaml,c.yaml", cwd=tmp_path), 2)
    assert "two sources of this build are called 'site-a'" in twice


def test_rows_of_an_own_table_go_to_no_service_unless_its_owner_says_so(run: Run, tmp_path: Path) -> None:
    write_hospital_csv(tmp_path / "films.csv", 600)
    labels = {"layout": "columns", "columns": {"Pneumothorax": "Pneumothorax"}}
    common: dict[str, Any] = {
        "read": {"encoding": "cp1252"},
        "columns": {"patient": "Fall-Nr", "image": "Bilddatei"},
        "labels": labels,
        "values": {"uncertain": ["fraglich"]},
    }
    describe(tmp_path, **common)
    args = [
        "build",
        "mednega",
        "--source",
        "mine.yaml",
        "--realizer",
        "openai",
        "--set",
        "writer.per_item=true",
    ]
    args += ["--set", "writer.base_url=https://203.0.113.7/v1", "--set", "writer.model=x"]
    assert "the terms of mine forbid" in ok(run(*args, cwd=tmp_path), 2)


def test_a_dataset_folder_is_complete_wherever_it_is_moved(run: Run, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    shutil.copy(KNEE, made / "knee.yaml")
    names = [c.name for c in load_ontology(str(KNEE)).conditions]
    draw = random.Random(1)
    lines = ["pid,image," + ",".join(names)]
    for i in range(400):
        cells = ",".join(draw.choice(("1", "0", "0", "")) for _ in names)
        lines.append(f"{i:04d},/home/doe/knees/{i}.png,{cells}")
    (made / "films.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    describe(
        made,
        ontology="knee.yaml",
        columns={"patient": "pid", "image": {"column": "image", "remove_prefix": "/home/doe/knees/"}},
        labels={"layout": "columns", "columns": {n: n for n in names}},
        rights={"licence": "mit", "may_publish": "yes"},
    )
    ok(run("build", "mednega", "--source", "mine.yaml", "--out", "out", *QUICK, cwd=made))
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(made / "films.csv", data / "films.csv")
    away = tmp_path / "elsewhere" / "renamed"
    away.parent.mkdir()
    shutil.move(made / "out", away)
    shutil.rmtree(made)
    here = away.parent
    # no local path in anything that is written for others
    for path in away.rglob("*"):
        if path.is_file() and path.suffix in (".yaml", ".json", ".md", ".html"):
            assert b"/home/doe" not in path.read_bytes() and str(tmp_path).encode() not in path.read_bytes()
    ok(run("validate", "renamed", "--no-audit", "--against", str(data), cwd=here))
    ok(run("audit", "renamed", "--json", "--seeds", "1", cwd=here))
    ok(run("export", "renamed", "--format", "neat", "--split", "all", "--out", "neat", cwd=here))
    ok(run("bundle", "renamed", "--out", "bundle", cwd=here))
    assert (here / "bundle" / "sources" / "mine.yaml").is_file()
    again = run("build", "--from-bundle", "bundle", "--data", str(data), "--out", "again", cwd=here)
    assert "the same bytes as the original" in ok(again)
    # an ontology that was changed in the folder is found
    kept = away / "ontology.yaml"
    kept.write_text(kept.read_text(encoding="utf-8").replace("version: 1", "version: 2"), encoding="utf-8")
    assert "failed" in ok(run("validate", "renamed", "--no-audit", cwd=here), 1)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("sources", "new", "nothing.csv", "-o", "x.yaml"), "no such file or folder"),
        (("sources", "new", "films.csv", "-o", "x.txt"), "has to be a .yaml file"),
        (("sources", "new", "films.csv", "-o", "no/x.yaml"), "no such folder"),
        (("sources", "check", "films.csv"), "not a description"),
        (("sources", "check", "nothing.yaml"), "no such file"),
        (("build", "mednega", "--source", "nothing.yaml"), "sources new"),
        (
            ("build", "mednega", "--source", "chexpert", "--data", "films.csv"),
            "nastdata sources new films.csv",
        ),
    ],
)
def test_wrong_use_is_told_and_leaves_nothing(
    run: Run, tmp_path: Path, args: tuple[str, ...], told: str
) -> None:
    (tmp_path / "films.csv").write_text("pid,image,effusion\n1,a.png,1\n", encoding="utf-8")
    assert told in ok(run(*args, cwd=tmp_path), 2)
    assert [p.name for p in tmp_path.iterdir()] == ["films.csv"]


def test_a_bad_table_leaves_nothing_half_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("pid,image,effusion,ptx,broken rib\n" + "1,a.png,what,0,1\n" * 9)
    describe(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    said = ok(run("build", "mednega", "--source", "mine.yaml", "--out", "out", cwd=tmp_path), 2)
    assert "9 of 9 rows can't be used" in said and "row 2" in said and "'what'" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    checked = ok(run("sources", "check", "mine.yaml", cwd=tmp_path), 1)
    assert "films.csv, row 2, column 'effusion': a value that is not understood: 'what'" in checked


def test_a_path_that_could_name_a_person_is_not_published_until_somebody_has_looked(
    run: Run, tmp_path: Path
) -> None:
    draw = random.Random(4)
    names = ["Roe_Jane" if i % 40 == 0 else "scan" for i in range(400)]
    labels = [",".join(draw.choice("011") for _ in range(3)) for _ in names]
    rows = [f"{i:04d},ward/{names[i]}_{i:04d}.png,{labels[i]}" for i in range(400)]
    (tmp_path / "films.csv").write_text("pid,image,effusion,ptx,broken rib\n" + "\n".join(rows) + "\n")
    rights = {"licence": "mit", "may_publish": "yes"}
    columns = {"patient": "pid", "image": "image"}
    mine = describe(tmp_path, columns=columns, rights=rights)
    assert "'roe' could be a person's name" in ok(run("sources", "check", str(mine), cwd=tmp_path))
    args = ("build", "mednega", "--source", str(mine), *QUICK)
    ok(run(*args, "--out", "out", cwd=tmp_path))
    push = ("--repo", "doe/films", "--dry-run")
    refused = ok(run("publish", "out", *push, cwd=tmp_path), 2)
    assert "could be a person's name" in refused and "rights: deidentified" in refused
    # the ids give nothing away
    data = pl.read_parquet(tmp_path / "out" / "data" / "mednega" / "*.parquet")
    assert not any("Roe" in v for c in ("patient_id", "study_id", "image_id", "item_id") for v in data[c])
    # without paths, or with the word of somebody who has looked, it may go
    ok(run(*args, "--set", "images=none", "--out", "none", cwd=tmp_path))
    ok(run("publish", "none", *push, cwd=tmp_path))
    mine = describe(tmp_path, columns=columns, rights={**rights, "deidentified": "A. Poe, 3 May 2026"})
    ok(run("build", "mednega", "--source", str(mine), *QUICK, "--out", "seen", cwd=tmp_path))
    ok(run("publish", "seen", *push, cwd=tmp_path))
