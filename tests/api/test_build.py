"""``nastdata.build`` and ``Dataset``: what the command line does, as Python objects."""

from __future__ import annotations

import gc
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from folders import edit_rows
from small_build import SMALL

import nastdata
from nastdata.api.settings import list_settings


def test_the_same_bytes_as_the_command_line(run: Any, small: nastdata.Dataset, tmp_path: Path) -> None:
    settings = ("--limit", "24", "--set", "phantom_patients=240", "--set", "audit.enabled=false")
    done = run("build", "mednega", *settings, "--out", str(tmp_path / "cli"))
    assert done.returncode == 0, done.stderr
    files = sorted(p.relative_to(small.path) for p in small.path.rglob("*") if p.is_file())
    assert len(files) > 5
    assert all((tmp_path / "cli" / f).read_bytes() == (small.path / f).read_bytes() for f in files)


def test_the_parts_of_a_dataset(small: nastdata.Dataset) -> None:
    assert small.configs == ("mednega",)
    assert sum(small.counts["mednega"].values()) == len(small.rows()) == 24
    assert set(small.rows("mednega", "train")["split"]) == {"train"}
    assert small.manifest["nastdata"] == nastdata.__version__
    rejects = small.rejects
    assert rejects is not None and "reason" in rejects.columns
    assert small.problems == []


def test_a_preview_shows_the_rows(small: nastdata.Dataset) -> None:
    shown = small.preview(2)
    first = small.rows().head(2).to_dicts()
    for row in first:
        assert row["negated_choices"]["ABCD".index(row["answer"])] in str(shown)
    assert str(shown).count(" * ") == 2
    assert "<pre>" in shown._repr_html_()
    with pytest.raises(nastdata.UserError, match="at least one row"):
        small.preview(0)


def test_validate_finds_an_edited_row(small: nastdata.Dataset, tmp_path: Path) -> None:
    assert small.validate(audit=False, expectations=False).passed
    copy = small.save(tmp_path / "copy")

    def lie(rows: list[dict[str, Any]]) -> None:
        rows[0]["answer"] = "A" if rows[0]["answer"] != "A" else "B"

    edit_rows(copy.path, "mednega", lie)
    report = copy.validate(audit=False, expectations=False)
    assert not report.passed and "hashes" in report.failed_rules


def test_audit_writes_only_if_asked(small: nastdata.Dataset, tmp_path: Path) -> None:
    copy = small.save(tmp_path / "copy")
    before = (copy.path / "manifest.json").read_bytes()
    report = copy.audit(seeds=1)
    assert all(0 <= s.accuracy <= 1 for s in report.solvers)
    assert (copy.path / "manifest.json").read_bytes() == before
    copy.audit(seeds=1, write=True)
    assert copy.manifest["audit"]["solvers"]
    assert copy.validate(audit=False, expectations=False).passed


def test_export_and_hf(small: nastdata.Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    account = small.export("negbench", tmp_path / "out", splits=("all",))
    assert account.files and all((tmp_path / "out" / f).is_file() for f in account.files)
    rows = small.to_hf(split="train")
    assert rows.num_rows == small.counts["mednega"]["train"]
    assert nastdata.load(small.path, "mednega", "train").num_rows == rows.num_rows
    shown = capsys.readouterr()
    assert shown.out == shown.err == ""


def test_load_without_a_config_is_a_dataset(small: nastdata.Dataset) -> None:
    assert nastdata.load(small.path).counts == small.counts
    with pytest.raises(nastdata.UserError, match="of which config"):
        nastdata.load(small.path, split="train")  # type: ignore[call-overload]
    with pytest.raises(nastdata.UserError, match="one config at a time"):
        nastdata.load("nobody/nothing")


def test_a_temporary_dataset_goes_with_its_object(tmp_path: Path) -> None:
    dataset = nastdata.build("mednega", **SMALL)
    place = dataset.path
    assert dataset.is_temporary and "keep it with" in dataset._repr_html_()
    kept = dataset.save(tmp_path / "kept")
    assert not kept.is_temporary and kept.counts == dataset.counts
    del dataset
    gc.collect()
    assert not place.exists() and kept.rows().height == 24


def test_save_refuses_what_is_not_ours(small: nastdata.Dataset, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(nastdata.UserError, match="holds other things"):
        small.save(tmp_path)
    with pytest.raises(nastdata.UserError, match="lies in the dataset"):
        small.save(small.path / "inner")


def test_quiet_and_with_events(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[nastdata.Event] = []
    nastdata.build("mednega", progress=events.append, **SMALL)
    shown = capsys.readouterr()
    assert shown.out == shown.err == ""
    ended = [e.stage for e in events if e.finished]
    assert ended == ["source", "design", "words", "write"]
    assert all(e.seconds >= 0 for e in events)


def test_a_callback_may_stop_a_build(tmp_path: Path) -> None:
    def stop(event: nastdata.Event) -> None:
        if event.stage == "words":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nastdata.build("mednega", out=tmp_path / "out", progress=stop, **SMALL)
    assert not (tmp_path / "out").exists()
    assert all(p.name.startswith(".") for p in tmp_path.iterdir()), "what resumes the build, at most"


def test_a_failed_check_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {**SMALL, "design": "paper", "audit": {"enabled": True, "threshold": 0.0}}
    monkeypatch.setattr("nastdata.audit.run._find_promises", lambda *_: {"mednega": True})
    settings |= {"limit": 400, "phantom_patients": 600}
    with pytest.warns(nastdata.CheckWarning, match="without the image"):
        dataset = nastdata.build("mednega", **settings)
    assert dataset.problems and dataset.summary.startswith("not fit to test a model: mednega")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"recipe": "mednegaa"}, "mednega"),
        ({"source": "chexprt"}, "did you mean 'chexpert'"),
        ({"limitt": 3}, "limit"),
        ({"writer": {"wording": 3}}, "wordings"),
        ({"writer__realizer": "openay"}, "openai"),
        ({"recipe": "train"}, "builds no dataset"),
        ({"limit": object()}, "not a setting"),
        ({"limit": float("nan")}, "not a setting"),
        ({"data": {"chexper": "x"}, "source": "chexpert"}, "did you mean 'chexpert'"),
        ({"data": "x"}, "phantom source reads no files"),
        ({"data": "x", "source": ["chexpert", "nih"]}, "several sources"),
    ],
)
def test_mistakes_name_the_remedy(given: dict[str, Any], said: str) -> None:
    with pytest.raises(nastdata.UserError) as caught:
        nastdata.build(**given)
    assert said in str(caught.value)


def test_settings_of_every_shape() -> None:
    given = {
        "limit": np.int64(3),
        "a": {"b": (1, 2), "c": None},
        "d__e": Path("x/y"),
        "f": {"z", "y"},
        "g": True,
    }
    assert dict(list_settings(given)) == {
        "limit": "3",
        "a.b": "[1, 2]",
        "a.c": "null",
        "d.e": '"x/y"',
        "f": '["y", "z"]',
        "g": "true",
    }
    mix = {"existence": 1, "location": 1}
    assert dict(list_settings({"claims": {"mix": mix}})) == {"claims.mix": json.dumps(mix)}


def test_own_labels(tmp_path: Path, run: Any) -> None:
    rows = [
        {
            "pid": f"p{i}",
            "sid": f"s{i}",
            "Edema": i % 2,
            "Pneumothorax": (i // 2) % 2,
            "Fracture": (i // 4) % 2,
        }
        for i in range(160)
    ]
    pl.DataFrame(rows).write_csv(tmp_path / "labels.csv")
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntitle: Mine\nfiles: labels.csv\ncolumns: {patient: pid, study: sid}\n"
        "labels:\n  layout: columns\n"
        "  columns: {Edema: Edema, Pneumothorax: Pneumothorax, Fracture: Fracture}\n"
    )
    dataset = nastdata.build("mednega", source=tmp_path / "mine.yaml", audit={"enabled": False})
    assert dataset.counts["mednega"]["train"] > 0
    (tmp_path / "moved").mkdir()
    (tmp_path / "labels.csv").rename(tmp_path / "moved" / "labels.csv")
    named = {"mine": tmp_path / "moved"}
    again = nastdata.build("mednega", source=tmp_path / "mine.yaml", data=named, audit={"enabled": False})
    assert again.counts == dataset.counts


def test_html_escapes_what_data_say(small: nastdata.Dataset, tmp_path: Path) -> None:
    copy = small.save(tmp_path / "copy")

    def inject(rows: list[dict[str, Any]]) -> None:
        rows[0]["question"] = "<script>alert(1)</script>"

    edit_rows(copy.path, "mednega", inject)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        html = copy._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "24" in html and "test" in html
