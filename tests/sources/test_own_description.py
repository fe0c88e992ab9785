"""The YAML of an own table: every problem at once, in words; rights; what is kept of it in a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from own_tables import COLUMNS, describe, labels_of, load

from nastdata.errors import UserError
from nastdata.sources import get_source
from nastdata.sources.own.read_yaml import check_settings, load_plain, read_settings, write_settings
from nastdata.sources.own.settings import OwnSettings


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refuse(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        get_source(str(path))
    told = str(caught.value)
    assert str(path) in told and len(told.splitlines()) <= 2
    return told


def test_all_problems_are_told_at_once_with_the_nearest_keys(tmp_path: Path) -> None:
    told = refuse(
        write(
            tmp_path,
            """
name: my data
filez: x.csv
columns: {pateint: pid}
rights: {licens: mit, may_publish: maybe}
labels: {layout: columns, columns: {a: {condition: Edema, gradecolumn: g}}}
agreement: {present_if: some}
""",
        )
    )
    for part in (
        "7 problems",
        "unknown key 'filez' (did you mean 'files'?)",
        "unknown key 'columns.pateint' (did you mean 'patient'?)",
        "unknown key 'rights.licens' (did you mean 'licence'?)",
        "may_publish: input should be 'yes', 'private' or 'no', not 'maybe'",
        "unknown key 'labels.columns.a.gradecolumn' (did you mean 'grade_column'?)",
        "without blanks",
        "agreement.present_if",
    ):
        assert part in told, (part, told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: !!python/object/apply:os.system ['touch owned']", "would run code or make objects"),
        ("name: !!python/name:os.system", "nothing was run"),
        ("name: !mine x", "holds a tag (!!mine)"),
        ("name: a\nname: b", "the key 'name' is there twice"),
        ("name: [a", "not readable YAML"),
        ("just words", "holds no keys"),
        ("", "holds no keys"),
        ("a: &a [x]\nb: [" + "*a, " * 60 + "*a]", "more than 10 aliases"),
        ("? [a]\n: b", "a key must be a word"),
        ("name: x\nfiles: f\ncolumns: {image: i}", "'labels' or 'reports'"),
        ("name: x\nfiles: f\ncolumns: {image: i}\nlabels: {columns: {}}", "layout' is missing"),
        ("name: x\nfiles: f\ncolumns: {image: i}\nlabels: {layout: listt}", "did you mean 'list'"),
        ("name: x\nfiles: f\nlabels: {layout: columns, columns: {a: Edema}}", "at least one of image"),
        ("name: x\nlabels: {layout: columns, columns: {a: Edema}}", "'files' names no table"),
        ("name: x\nread: {encoding: utf-9}\nreports: {folder: r}", "no such encoding"),
        ("name: x\ncolumns: {patient: {column: a, pattern: 'p'}}\nreports: {folder: r}", "one (group)"),
        (
            "name: x\ncolumns: {patient: {column: a, pattern: '(?<=x)(p)'}}\nreports: {folder: r}",
            "look-around",
        ),
        ("name: x\nvalues: {present: [ja], absent: [Ja]}\nreports: {folder: r}", "both present and absent"),
    ],
    ids=str,
)
def test_bad_descriptions_are_told_in_words(tmp_path: Path, text: str, told: str) -> None:
    assert told in refuse(write(tmp_path, text))
    assert not (tmp_path / "owned").exists()


def test_yaml_means_what_people_mean(tmp_path: Path) -> None:
    path = write(
        tmp_path, "name: x\nno: 1\nversion: 1.10\nwords: [yes, no, on, NaN, 007, 1:30, 2024-01-02]\n"
    )
    assert load_plain(path) == {
        "name": "x",
        "no": 1,
        "version": "1.10",
        "words": ["yes", "no", "on", "NaN", "007", "1:30", "2024-01-02"],
    }


def test_a_condition_that_the_ontology_lacks_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("pid,image,a\n1,a.png,1\n")
    labels = {"layout": "columns", "columns": {"a": "Pleural Efusion", "b": "Infarct"}}
    with pytest.raises(
        UserError, match=r"'a': no condition 'Pleural Efusion' \(did you mean 'Pleural Effusion'"
    ):
        load(describe(tmp_path, labels=labels))


def test_silence_allows_nothing_and_the_owner_is_named(tmp_path: Path) -> None:
    silent = get_source(str(describe(tmp_path)))
    assert (silent.terms.may_publish, silent.terms.may_leave_machine) == ("no", False)
    assert silent.terms.licence == "not stated" and "nothing is allowed" in silent.terms.note
    rights = {"licence": "cc-by-4.0", "citation": "Doe 2026", "may_publish": "yes", "may_leave_machine": True}
    open_ = get_source(str(describe(tmp_path, rights=rights, title="Doe's images", version="2")))
    assert open_.title == "Doe's images (version 2)"
    assert (open_.terms.licence, open_.terms.citation, open_.terms.may_publish) == (
        "cc-by-4.0",
        "Doe 2026",
        "yes",
    )
    for said, meant in ((True, "yes"), (False, "no"), ("private", "private")):
        source = get_source(str(describe(tmp_path, rights={"may_publish": said})))
        assert source.terms.may_publish == meant


@pytest.mark.parametrize("name", ["chexpert", "CheXpert", "phantom", "openi", "MIMIC-CXR"])
def test_no_own_table_may_carry_a_built_in_sources_name(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, f"name: {name}\nreports: {{folder: r}}\n")
    assert "name of a built-in source" in refuse(path)


def test_what_a_dataset_keeps_of_a_description_has_no_local_paths(tmp_path: Path) -> None:
    path = describe(
        tmp_path,
        files=[str(tmp_path / "deep" / "films.csv"), "../up/*.csv", "sub/x.csv"],
        image_root="/home/doe/images",
        columns={
            "patient": "pid",
            "image": {"column": "image", "remove_prefix": "/home/doe/images/"},
        },
    )
    kept = write_settings(read_settings(path)).decode()
    assert "doe" not in kept and str(tmp_path) not in kept
    data = yaml.safe_load(kept)
    assert data["files"] == ["films.csv", "*.csv", "sub/x.csv"]
    assert data["columns"]["image"]["remove_folders"] == 4
    assert read_settings(write(tmp_path, kept)).labels == read_settings(path).labels


def test_cutting_folders_by_number_is_cutting_them_by_name(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("pid,image,effusion,ptx,broken rib\n1,/home/doe/p1/a.png,1,0,\n")
    columns = {"patient": "pid", "image": {"column": "image", "remove_prefix": "/home/doe/"}}
    path = describe(tmp_path, columns=columns)
    kept = tmp_path / "kept.yaml"
    kept.write_bytes(write_settings(read_settings(path)))
    assert load(kept).frame.equals(load(path).frame)
    assert load(path).frame["image"].to_list() == ["p1/a.png"]


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(str.strip)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(WORDS.filter(bool), st.sampled_from(sorted(COLUMNS.values())), min_size=1, max_size=5))
def test_descriptions_survive_being_written_and_read(names: dict[str, str]) -> None:
    data = {
        "name": "x",
        "files": ["a.csv"],
        "columns": {"image": "i"},
        "labels": {"layout": "list", "column": "c", "names": dict(names)},
    }
    first = check_settings(data, "here")
    again = OwnSettings.model_validate(yaml.safe_load(write_settings(first)))
    assert again == first


def test_data_may_lie_elsewhere_than_the_description(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "films.csv").write_text("pid,image,effusion,ptx,broken rib\n1,a.png,1,0,\n")
    path = describe(tmp_path)
    assert labels_of(load(path, data=there), "Pneumothorax") == {"a": (0,)}
    assert labels_of(load(path, data=there / "films.csv"), "Pneumothorax") == {"a": (0,)}
    with pytest.raises(UserError, match="no such file or folder"):
        load(path, data=tmp_path / "nowhere")
