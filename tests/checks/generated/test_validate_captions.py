"""``nastdata validate`` on captions of others, as a user calls it: output, exit codes, files, models."""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from generated_captions import draw_studies, fact_rows, label_rows, write

from nastdata.checks.generated.judge import VERDICTS
from nastdata.checks.generated.results import FINDINGS_SCHEMA
from nastdata.checks.generated.style import STYLE, find_faults
from nastdata.checks.generated.summary import RATES
from nastdata.ontology import Ontology

Run = Callable[..., "subprocess.CompletedProcess[str]"]
DOCS = Path(__file__).parents[3] / "docs" / "validate.md"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels, facts, and the reports of an honest model and a bad one."""
    folder = tmp_path_factory.mktemp("tables")
    studies = draw_studies(120, 3)
    rng, planted = random.Random(1), Counter[str]()
    bad = {"deny": 0.3, "side": 0.2, "omit": 0.1}
    for name, rates in (("good", {}), ("bad", bad)):
        rows = [{"study_id": s.key, "report": write(s, rates, rng, planted) or "Nothing."} for s in studies]
        pl.DataFrame(rows).write_csv(folder / f"{name}.csv")
    pl.DataFrame(label_rows(studies)).write_csv(folder / "labels.csv")
    lines = [{**row, "patient_id": s.patient} for row, s in zip(fact_rows(studies), studies, strict=True)]
    (folder / "facts.jsonl").write_text("".join(json.dumps(r) + "\n" for r in lines))
    return folder


def test_exit_codes_follow_the_share_of_contradictions(run: Run, tables: Path, tmp_path: Path) -> None:
    out = ["--against", "labels.csv", "--bootstrap", "20", "--out", str(tmp_path / "v")]
    assert run("validate", "good.csv", *out, cwd=tables).returncode == 0
    done = run("validate", "bad.csv", *out, cwd=tables)
    assert done.returncode == 1
    assert "findings are contradicted" in done.stderr
    assert run("validate", "bad.csv", *out, "--max-contradicted", "0.5", cwd=tables).returncode == 0
    assert run("validate", "bad.csv", "--against", "nosuch.csv", cwd=tables).returncode == 2
    assert run("validate", "nosuch.csv", "--against", "labels.csv", cwd=tables).returncode == 2


def test_json_has_the_documented_form_and_adds_up(run: Run, tables: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "v")
    done = run(
        *("validate", "good.csv", "bad.csv", "--against", "facts.jsonl", "--json", "--bootstrap", "50"),
        *("--out", out),
        cwd=tables,
    )
    report = json.loads(done.stdout)
    assert (report["schema"], report["passed"]) == ("nastdata-captions-1", False)
    assert list(report["files"]) == ["good", "bad"]
    bad = report["files"]["bad"]
    for by in ("by_condition", "by_polarity", "by_kind"):
        for verdict in VERDICTS:
            assert sum(v[verdict] for v in bad[by].values()) == bad["verdicts"][verdict]
    rates = bad["rates"]
    assert set(rates) == set(RATES)
    said = sum(bad["verdicts"][v] for v in ("supported", "contradicted", "not_supported"))
    assert rates["contradicted"]["of"] == said
    assert rates["contradicted"]["low"] < rates["contradicted"]["value"] < rates["contradicted"]["high"]
    assert bad["contradicted"]["location"] > 0
    assert bad["clusters"] == {"by": "patient", "count": 60}
    (difference,) = [d for d in report["differences"] if d["rate"] == "contradicted"]
    assert difference["difference"] == pytest.approx(rates["contradicted"]["value"])
    assert difference["low"] > 0 and difference["texts"] == 120
    documented = DOCS.read_text(encoding="utf-8")
    keys = [*report, *bad, *report["reference"], *rates["contradicted"], *difference, *bad["worst"][0]]
    assert [k for k in keys if f"`{k}`" not in documented] == []
    findings = pl.read_parquet(report["saved"]["findings"])
    assert findings.schema == pl.Schema(FINDINGS_SCHEMA)
    assert findings.filter(pl.col("file") == "bad")["verdict"].value_counts().sum()["count"][0] == sum(
        bad["verdicts"].values()
    )
    assert pl.read_csv(report["saved"]["totals"])["count"].sum() == len(findings)
    assert len(pl.read_parquet(report["saved"]["texts"])) == 240
    saved = json.loads(Path(report["saved"]["report"]).read_text())
    assert saved["files"] == report["files"]


def test_the_same_figures_again_and_in_any_order_of_rows(run: Run, tables: Path, tmp_path: Path) -> None:
    shuffled = pl.read_csv(tables / "bad.csv").sample(fraction=1, shuffle=True, seed=1)
    shuffled.write_csv(tmp_path / "bad.csv")
    seen = []
    for folder in (tables, tables, tmp_path):
        args = (
            "--against",
            str(tables / "labels.csv"),
            "--json",
            "--bootstrap",
            "50",
            "--out",
            str(tmp_path / "v"),
        )
        files = json.loads(run("validate", str(folder / "bad.csv"), *args).stdout)["files"]
        seen.append(files["bad"]["rates"])
    assert seen[0] == seen[1] == seen[2]


def test_the_ten_worst_are_printed_with_what_is_wrong(run: Run, tables: Path, tmp_path: Path) -> None:
    done = run(
        "validate", "bad.csv", "--against", "facts.jsonl", "--out", str(tmp_path / "v.csv"), cwd=tables
    )
    lines = done.stdout.splitlines()
    at = lines.index("the worst of bad:")
    assert sum(line.startswith("  ") and ", row " in line for line in lines[at:]) == 10
    assert any("contradicted in location" in line for line in lines[at:])
    assert "style, which says nothing about truth" in done.stdout
    assert "joined by 'study_id' = 'study_id'" in done.stderr
    assert pl.read_csv(tmp_path / "v.findings.csv").columns == list(FINDINGS_SCHEMA)
    assert not list(tmp_path.glob(".*"))


def test_a_dataset_folder_is_what_is_on_record(run: Run, tmp_path: Path) -> None:
    built = run(
        *("build", "contextual", "--limit", "60", "--out", "data", "--set", "phantom_patients=150"),
        *("--set", "audit.enabled=false"),
        cwd=tmp_path,
    )
    assert built.returncode == 0, built.stderr
    frame = pl.concat(
        [pl.read_parquet(p) for p in sorted(tmp_path.glob("data/data/contextual_captions/*.parquet"))]
    )
    frame.select("caption_id", "caption").write_csv(tmp_path / "own.csv")
    done = run("validate", "own.csv", "--against", "data", "--json", "--bootstrap", "20", cwd=tmp_path)
    report = json.loads(done.stdout)
    verdicts = report["files"]["own"]["verdicts"]
    assert done.returncode == 0, done.stdout
    assert verdicts["contradicted"] == verdicts["not_supported"] == verdicts["missed"] == 0
    assert verdicts["supported"] >= 0.95 * len(frame)
    assert report["files"]["own"]["clusters"]["by"] == "patient"
    # captions of one study given to another: what they say is not what is on record
    moved = frame.select(pl.col("caption_id"), pl.col("caption").shift(7).fill_null("No edema."))
    moved.write_csv(tmp_path / "moved.csv")
    done = run("validate", "moved.csv", "--against", "data", "--json", "--bootstrap", "20", cwd=tmp_path)
    assert json.loads(done.stdout)["files"]["moved"]["verdicts"]["supported"] < 0.5 * verdicts["supported"]


def test_style_is_never_counted_as_truth(run: Run, tables: Path, tmp_path: Path) -> None:
    frame = pl.read_csv(tables / "good.csv")
    ugly = frame.with_columns(
        pl.col("report").str.replace_all(". ", ".  ", literal=True).str.strip_suffix(".")
    )
    ugly.write_csv(tmp_path / "ugly.csv")
    args = (
        "--against",
        str(tables / "labels.csv"),
        "--json",
        "--bootstrap",
        "20",
        "--out",
        str(tmp_path / "v"),
    )
    done = run("validate", str(tmp_path / "ugly.csv"), *args)
    ugly_file = json.loads(done.stdout)["files"]["ugly"]
    good_file = json.loads(run("validate", str(tables / "good.csv"), *args).stdout)["files"]["good"]
    assert done.returncode == 0
    assert ugly_file["verdicts"] == good_file["verdicts"]
    assert ugly_file["style"]["no full stop"] == 120 and ugly_file["style"]["doubled space"] > 50


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("There is no pleural effusion.", set()),
        ("FINDINGS: The lungs are clear.\n\nIMPRESSION: No pneumonia.", set()),
        ("There are small bilateral pleural effusions.", set()),
        ("Opacities are seen. There is no effusion or opacities.", set()),
        ("No pleural effusion", {"no full stop"}),
        ("No  pleural effusion .", {"doubled space", "stray punctuation"}),
        ("no edema.", {"lower-case start"}),
        ("There is bilateral support devices.", {"agreement"}),
        ("There are a pleural effusion. There are pneumothorax.", {"agreement"}),
        ("There is a opacities.", {"agreement"}),
        ("The the heart is large.", {"repeated word"}),
        ("Sure, here is the report: No edema.", {"chatter"}),
        ("**Findings:** No edema.</s>", {"markup", "no full stop"}),
        ("Opacity in the ___ lung. XXXX seen. A [side] effusion.", {"placeholder"}),
        ("No edema.\x07", {"odd character", "no full stop"}),
        ("No edema is seen. No edema is seen.", {"repeated sentence"}),
        ("  ", {"blank"}),
    ],
)
def test_faults_of_style(text: str, faults: set[str], ontology: Ontology) -> None:
    assert set(find_faults(text, ontology)) == faults
    assert faults <= set(STYLE)


def test_wrong_use_is_reported(run: Run, tables: Path) -> None:
    for args, what in (
        (["good.csv"], "no labels and no facts found"),
        (["good.csv", "bad.csv"], "no labels and no facts found"),
        ([str(tables), "good.csv"], "one folder at a time"),
        (["good.csv", "--against", "labels.csv", "--against", "facts.jsonl"], "give it once"),
        (["nosuch.csv", "--against", "labels.csv"], "nosuch.csv: no such file"),
        (["good.csv", "--against", "nosuch.csv"], "nosuch.csv: no such file"),
        (["good.csv", "--against", "."], "no dataset"),
        (["good.csv", "--against", "labels.csv", "--text-key", "reports"], "did you mean 'report'"),
        (["good.csv", "--against", "labels.csv", "--id-key", "studyid2"], "did you mean 'study_id'"),
        (["good.csv", "--against", "labels.csv", "--out", "nosuch/v"], "--out PATH"),
    ):
        done = run("validate", *args, cwd=tables)
        assert (done.returncode, what in done.stderr) == (2, True), done.stderr
        assert "Traceback" not in done.stderr
    assert not list(tables.glob("*.verdicts*"))
