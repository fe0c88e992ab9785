"""Own tables: each label layout, its words, and what blanks, readers and boxes come to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_tables import describe, facts_of, labels_of, load

from nastdata.errors import UserError
from nastdata.frames import FACTS_SCHEMA, labels_schema
from nastdata.ontology import Ontology
from nastdata.sources import get_source
from nastdata.sources.base import Options

HEAD = "pid,image,effusion,ptx,broken rib\n"
THREE = ("Pleural Effusion", "Pneumothorax", "Fracture")


def write(folder: Path, text: str) -> None:
    (folder / "films.csv").write_text(text, encoding="utf-8")


def test_words_of_label_cells_are_understood_and_blanks_are_not_absent(
    tmp_path: Path, ontology: Ontology
) -> None:
    write(
        tmp_path,
        HEAD
        + "P1,a.png,yes,no,unknown\nP2,b.png,1,0,-1\nP3,c.png,True,False,\nP4,d.png,positive,NEGATIVE,NaN\n"
        + "P5,e.png,1.0,0.0,-1.0\n",
    )
    loaded = load(describe(tmp_path))
    assert labels_of(loaded, *THREE) == {
        "a": (1, 0, None),
        "b": (1, 0, -1),
        "c": (1, 0, None),
        "d": (1, 0, None),
        "e": (1, 0, -1),
    }
    assert dict(loaded.frame.schema) == labels_schema(ontology)
    assert loaded.frame["image"].to_list() == ["a.png", "b.png", "c.png", "d.png", "e.png"]


def test_words_of_ones_own_and_blanks_that_mean_absent(tmp_path: Path) -> None:
    write(tmp_path, HEAD + "P1,a.png,sicher,keiner,\nP2,b.png,fraglich,,keiner\n")
    words = {"present": ["sicher"], "absent": ["keiner"], "uncertain": ["fraglich"]}
    assert labels_of(load(describe(tmp_path, values=words)), *THREE) == {
        "a": (1, 0, None),
        "b": (-1, None, 0),
    }
    blank = load(describe(tmp_path, values={**words, "blank": "absent"}))
    assert labels_of(blank, *THREE) == {"a": (1, 0, 0), "b": (-1, 0, 0)}


def test_one_column_alone_may_have_blanks_that_mean_absent(tmp_path: Path) -> None:
    write(tmp_path, HEAD + "P1,a.png,1,,\n")
    columns = {
        "effusion": "Pleural Effusion",
        "ptx": {"condition": "Pneumothorax", "blank": "absent"},
        "broken rib": "Fracture",
    }
    loaded = load(describe(tmp_path, labels={"layout": "columns", "columns": columns}))
    assert labels_of(loaded, *THREE) == {"a": (1, 0, None)}


def test_columns_for_place_and_grade(tmp_path: Path) -> None:
    write(
        tmp_path,
        "pid,image,effusion,side,size,left ptx,right ptx\n"
        "P1,a.png,1,links,gering,1,0\nP2,b.png,1,bilateral,,0,0\nP3,c.png,0,left,large,,\nP4,d.png,1,,massive,0,\n",
    )
    columns = {
        "effusion": {"condition": "Pleural Effusion", "side_column": "side", "grade_column": "size"},
        "left ptx": {"condition": "Pneumothorax", "place": "left"},
        "right ptx": {"condition": "Pneumothorax", "place": "right"},
    }
    path = describe(tmp_path, labels={"layout": "columns", "columns": columns}, grades={"gering": "small"})
    assert facts_of(load(path, "facts")) == {
        ("a", "Pleural Effusion", "present", "left", "small"),
        ("a", "Pneumothorax", "present", "left", None),
        # nothing on the right beside one on the left
        ("a", "Pneumothorax", "absent", "right", None),
        ("b", "Pleural Effusion", "present", "bilateral", None),
        # none on either side is none at all
        ("b", "Pneumothorax", "absent", None, None),
        ("c", "Pleural Effusion", "absent", None, None),
        ("d", "Pleural Effusion", "present", None, "large"),
        ("d", "Pneumothorax", "absent", "left", None),
    }
    assert labels_of(load(path), "Pneumothorax") == {"a": (1,), "b": (0,), "c": (None,), "d": (None,)}


def test_a_place_that_is_not_understood_rejects_the_row_with_its_value(tmp_path: Path) -> None:
    write(tmp_path, "pid,image,effusion,side\nP1,a.png,1,left\nP2,b.png,1,hinten oben\nP3,c.png,0,hinten\n")
    columns = {"effusion": {"condition": "Pleural Effusion", "side_column": "side"}}
    loaded = load(describe(tmp_path, labels={"layout": "columns", "columns": columns}, max_rejected=0.5))
    assert loaded.rejects.select("key", "reason", "text").rows() == [
        ("films.csv, row 3", "column 'side': a value that is not understood", "hinten oben")
    ]


LISTS = {
    "layout": "list",
    "column": "findings",
    "names": {
        "Effusion": "Pleural Effusion",
        "PTX": "Pneumothorax",
        "Consolidation": "Consolidation",
        "Opacity": "Lung Opacity",
        "no fracture": {"condition": "Fracture", "means": "absent"},
        "?edema": {"condition": "Edema", "means": "uncertain"},
        "left nodule": {"condition": "Lung Lesion", "place": "left", "grade": "small"},
        "Hernia": "ignore",
        "No Finding": "nothing_found",
    },
}


def lists(folder: Path, cells: list[str], **parts: Any) -> Path:
    rows = "".join(f'P{i},{i}.png,"{c}"\n' for i, c in enumerate(cells))
    write(folder, "pid,image,findings\n" + rows)
    labels = {**LISTS, **parts.pop("labels", {})}
    return describe(folder, labels=labels, **parts)


FIVE = ("Pleural Effusion", "Pneumothorax", "Consolidation", "Lung Opacity", "Fracture")


@pytest.mark.parametrize("separator", ["|", ";", ",", "/", " and ", "list"])
def test_lists_with_any_separator(tmp_path: Path, separator: str) -> None:
    words = ["Effusion", "ptx ", "no fracture"]
    cell = json.dumps(words).replace('"', "'") if separator == "list" else separator.join(words)
    loaded = load(lists(tmp_path, [cell, "", "No Finding"], labels={"separator": separator}))
    assert labels_of(loaded, *FIVE) == {
        "0": (1, 1, None, None, 0),
        "1": (None,) * 5,
        "2": (None,) * 5,
    }


def test_not_listed_means_absent_only_if_it_is_said_and_never_of_a_kind_that_is_there(tmp_path: Path) -> None:
    cells = ["Effusion", "Consolidation", "", "No Finding"]
    closed = load(lists(tmp_path, cells, labels={"unlisted": "absent"}))
    found = labels_of(closed, *FIVE)
    assert found["0"] == (1, 0, 0, 0, 0)
    # consolidation is a kind of opacity
    assert found["1"] == (0, 0, 1, None, 0)
    assert found["2"] == (None,) * 5
    assert found["3"] == (0, 0, 0, 0, 0)
    normal = load(lists(tmp_path, cells, values={"nothing_found": "absent"}))
    assert labels_of(normal, *FIVE)["0"] == (1, None, None, None, None)
    assert labels_of(normal, *FIVE)["3"] == (0, 0, 0, 0, 0)
    # the ontology's other conditions are not in this table, so nothing is said of them
    assert normal.frame["Support Devices"].null_count() == 4


def test_words_run_together_are_named_as_not_understood(tmp_path: Path) -> None:
    path = lists(tmp_path, ["Effusion|PTX", "Consolidation Effusion", "Effusion; PTX", "Gibbus", "PTX"])
    with pytest.raises(UserError, match=r"3 of 5 rows can't be used.*not understood"):
        load(path)
    loaded = load(lists(tmp_path, ["Effusion"] * 9 + ["Consolidation Effusion"]))
    (text,) = loaded.rejects["text"]
    assert text == "Consolidation Effusion (holds 'consolidation' and 'effusion' without '|' between them)"
    lenient = load(lists(tmp_path, ["Effusion|Gibbus", "Gibbus"], labels={"unknown": "ignore"}))
    assert labels_of(lenient, "Pleural Effusion") == {"0": (1,), "1": (None,)}


def test_a_list_that_says_and_denies_one_finding_is_rejected(tmp_path: Path) -> None:
    labels = {"names": {**LISTS["names"], "fracture": "Fracture"}}  # type: ignore[dict-item]
    loaded = load(lists(tmp_path, ["fracture|no fracture", *["Effusion"] * 8], labels=labels))
    assert loaded.rejects["reason"].to_list() == ["column 'findings': a finding both said and denied"]


def test_a_word_with_place_and_grade_is_a_located_fact(tmp_path: Path) -> None:
    facts = facts_of(load(lists(tmp_path, ["left nodule|PTX"]), "facts"))
    assert ("0", "Lung Lesion", "present", "left", "small") in facts
    assert ("0", "Pneumothorax", "present", None, None) in facts


ROWS = {
    "layout": "rows",
    "finding": "what",
    "value": "there",
    "place": "where",
    "grade": "size",
    "names": {"fluid": "Pleural Effusion", "air": "Pneumothorax", "normal": "nothing_found"},
}


def test_one_row_a_finding_with_place_and_grade(tmp_path: Path) -> None:
    write(
        tmp_path,
        "pid,image,what,there,where,size\nP1,a.png,fluid,1,left,small\nP1,a.png,fluid,1,right,large\n"
        "P1,a.png,air,0,,\nP2,b.png,air,0,right,\nP2,b.png,fluid,maybe,,\nP3,c.png,air,,left,\n",
    )
    path = describe(tmp_path, labels=ROWS)
    assert facts_of(load(path, "facts")) == {
        ("a", "Pleural Effusion", "present", "left", "small"),
        ("a", "Pleural Effusion", "present", "right", "large"),
        ("a", "Pneumothorax", "absent", None, None),
        ("b", "Pneumothorax", "absent", "right", None),
    }
    both = ("Pleural Effusion", "Pneumothorax")
    # to have none on the right is no label of the study
    assert labels_of(load(path), *both) == {"a": (1, 0), "b": (-1, None), "c": (None, None)}


def test_a_finding_present_and_absent_in_one_study_rejects_its_rows(tmp_path: Path) -> None:
    write(
        tmp_path,
        "pid,image,what,there,where,size\nP1,a.png,fluid,1,,\nP1,a.png,fluid,0,,\n"
        + "P2,b.png,air,1,,\n" * 2
        + "".join(f"P{i},{i}.png,air,1,,\n" for i in range(3, 12)),
    )
    loaded = load(describe(tmp_path, labels=ROWS))
    assert loaded.rejects["key"].to_list() == ["films.csv, row 2", "films.csv, row 3"]
    assert "both present and absent" in loaded.rejects["reason"][0]
    assert len(loaded.frame) == 10


def test_rows_of_one_study_with_other_labels_are_rejected_unless_a_rule_joins_them(tmp_path: Path) -> None:
    rows = "P1,a1.png,S1,1,0\nP1,a2.png,S1,1,1\n" + "".join(f"P{i},{i}.png,T{i},1,0\n" for i in range(2, 9))
    write(tmp_path, "pid,image,study,effusion,ptx\n" + rows)
    labels = {
        "layout": "columns",
        "columns": {"effusion": "Pleural Effusion", "ptx": "Pneumothorax"},
    }
    columns = {"patient": "pid", "image": "image", "study": "study"}
    loaded = load(describe(tmp_path, labels=labels, columns=columns))
    assert loaded.rejects["text"].to_list() == ["study S1: Pneumothorax"] * 2
    joined = load(describe(tmp_path, labels=labels, columns=columns, agreement={"present_if": "any"}))
    assert labels_of(joined, "Pleural Effusion", "Pneumothorax")["S1"] == (1, 1)
    assert joined.frame.filter(pl.col("study_id") == "S1")["image"].to_list() == ["a1.png"]


def test_several_readers_become_one_by_the_rule(tmp_path: Path) -> None:
    votes = {"a": "111", "b": "110", "c": "100", "d": "000", "e": "00?", "f": "1??", "g": "0  "}
    value = {"1": "1", "0": "0", "?": "uncertain", " ": ""}
    rows = [
        f"P,{image}.png,R{r},{value[v]}" for image, said in votes.items() for r, v in enumerate(said.ljust(3))
    ]
    write(tmp_path, "pid,image,reader,effusion\n" + "\n".join(rows) + "\n")

    def read(**rule: Any) -> dict[str, int | None]:
        labels = {"layout": "columns", "columns": {"effusion": "Pleural Effusion"}}
        loaded = load(describe(tmp_path, labels=labels, agreement={"reader": "reader", **rule}))
        return {k: v[0] for k, v in labels_of(loaded, "Pleural Effusion").items()}

    assert read() == {"a": 1, "b": 1, "c": -1, "d": 0, "e": -1, "f": -1, "g": None}
    assert read(present_if=2) == read()
    assert read(present_if="all")["b"] == -1
    assert read(present_if="any", absent_if=1) == {"a": 1, "b": 1, "c": 1, "d": 0, "e": 0, "f": 1, "g": 0}


BOX = {"columns": ["x1", "y1", "x2", "y2"], "width": 1000, "height": 1000}


def boxes(folder: Path, lines: list[str], **parts: Any) -> Path:
    write(folder, "pid,image,reader,what,x1,y1,x2,y2\n" + "\n".join(lines) + "\n")
    labels = {
        "layout": "boxes",
        "finding": "what",
        "names": {"nodule": "Lung Lesion", "normal": "nothing_found", "fluid": "Pleural Effusion"},
        "box": {**BOX, **parts.pop("box", {})},
        **parts.pop("labels", {}),
    }
    return describe(folder, labels=labels, **parts)


def test_boxes_give_side_and_zone_with_the_patients_right_on_the_images_left(tmp_path: Path) -> None:
    lines = [
        "P1,a.png,R1,nodule,100,100,200,200",
        "P2,b.png,R1,nodule,700,430,900,530",
        "P3,c.png,R1,nodule,300,700,700,900",
        "P4,d.png,R1,normal,,,,",
        "P5,e.png,R1,nodule,700,330,900,390",
    ]
    place = {f[0]: f[3] for f in facts_of(load(boxes(tmp_path, lines), "facts"))}
    assert place == {
        "a": "right upper lung zone",
        "b": "left mid lung zone",
        "c": None,  # over the midline
        "e": "left",  # at the border of two zones
    }
    flipped = load(boxes(tmp_path, lines, box={"mirrored": True, "zones": False}), "facts")
    assert {f[0]: f[3] for f in facts_of(flipped)} == {"a": "left", "b": "right", "c": None, "e": "right"}


@pytest.mark.parametrize(
    ("order", "numbers"),
    [
        ("x_min y_min x_max y_max", "0.1,0.1,0.2,0.2"),
        ("x y width height", "0.1,0.1,0.1,0.1"),
        ("x_center y_center width height", "0.15,0.15,0.1,0.1"),
    ],
)
def test_boxes_in_any_order_as_shares_or_in_one_cell(tmp_path: Path, order: str, numbers: str) -> None:
    wanted = {("a", "Lung Lesion", "present", "right upper lung zone", None)}
    share = {"order": order, "unit": "share", "width": None, "height": None}
    assert facts_of(load(boxes(tmp_path, [f"P1,a.png,R1,nodule,{numbers}"], box=share), "facts")) == wanted
    write(tmp_path, f'pid,image,what,box\nP1,a.png,nodule,"[{numbers}]"\n')
    labels = {
        "layout": "boxes",
        "finding": "what",
        "names": {"nodule": "Lung Lesion"},
        "box": {"columns": ["box"], "order": order, "unit": "share"},
    }
    assert facts_of(load(describe(tmp_path, labels=labels), "facts")) == wanted


def test_a_box_outside_the_image_is_rejected(tmp_path: Path) -> None:
    lines = [
        "P1,a.png,R1,nodule,100,100,2200,200",
        "P1,b.png,R1,nodule,5,5,4,9",
        "P1,c.png,R1,nodule,1,x,2,3",
    ]
    good = [f"P{i},{i}.png,R1,nodule,100,100,200,200" for i in range(20)]
    loaded = load(boxes(tmp_path, [*lines, *good]))
    assert loaded.rejects["reason"].to_list() == [
        "columns x1, y1, x2, y2: a box that is not inside the image",
        "columns x1, y1, x2, y2: a box that is not inside the image",
        "columns x1, y1, x2, y2: not four numbers, or no image size",
    ]


def test_readers_boxes_count_where_enough_of_them_agree(tmp_path: Path) -> None:
    lines = [
        # all three see it, two in the same zone
        "P1,a.png,R1,nodule,100,100,200,200",
        "P1,a.png,R2,nodule,110,110,210,210",
        "P1,a.png,R3,nodule,100,700,200,900",
        # two see it on one side, in different zones
        "P2,b.png,R1,nodule,700,100,800,200",
        "P2,b.png,R2,nodule,700,700,800,900",
        "P2,b.png,R3,normal,,,,",
        # one of three
        "P3,c.png,R1,fluid,100,700,200,900",
        "P3,c.png,R2,normal,,,,",
        "P3,c.png,R3,normal,,,,",
    ]
    rule = {"agreement": {"reader": "reader", "present_if": 2}, "labels": {"unlisted": "absent"}}
    path = boxes(tmp_path, lines, **rule)
    assert {f for f in facts_of(load(path, "facts")) if f[2] == "present"} == {
        ("a", "Lung Lesion", "present", "right upper lung zone", None),
        ("b", "Lung Lesion", "present", "left", None),
    }
    both = ("Lung Lesion", "Pleural Effusion")
    assert labels_of(load(path), *both) == {"a": (1, 0), "b": (1, 0), "c": (0, -1)}


def test_facts_have_the_schema_and_order_that_stages_expect(tmp_path: Path) -> None:
    write(tmp_path, HEAD + "P2,b.png,1,0,1\nP1,a.png,1,,0\n")
    frame = load(describe(tmp_path), "facts").frame
    assert dict(frame.schema) == FACTS_SCHEMA
    assert frame["image"].to_list() in (["a.png"] * 2 + ["b.png"] * 3, ["b.png"] * 3 + ["a.png"] * 2)


LABEL = st.sampled_from(["1", "0", "-1", ""])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(LABEL, LABEL, LABEL), min_size=1, max_size=12), st.randoms())
def test_layouts_that_say_the_same_give_the_same_labels(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], order: Any
) -> None:
    """One column a condition, a list, and one row a finding are three ways to say one thing."""
    folder = tmp_path_factory.mktemp("same")
    wide = [f"P{i},{i}.png,{','.join(r)}" for i, r in enumerate(rows)]
    order.shuffle(wide)
    write(folder, HEAD + "\n".join(wide) + "\n")
    columns = labels_of(load(describe(folder)), *THREE)
    word = {"1": "", "0": "no ", "-1": "? "}
    means = {"1": "present", "0": "absent", "-1": "uncertain"}
    names = {
        word[v] + c: {"condition": c, "means": means[v]} for c in THREE for v in word
    }  # fmt: skip
    cells = ["|".join(word[v] + c for c, v in zip(THREE, r, strict=True) if v) for r in rows]
    write(folder, "pid,image,list\n" + "".join(f"P{i},{i}.png,{c}\n" for i, c in enumerate(cells)))
    labels = {"layout": "list", "column": "list", "names": names}
    assert labels_of(load(describe(folder, labels=labels)), *THREE) == columns
    long = [f"P{i},{i}.png,{c},{v}" for i, r in enumerate(rows) for c, v in zip(THREE, r, strict=True)]
    order.shuffle(long)
    write(folder, "pid,image,what,there\n" + "\n".join(long) + "\n")
    labels = {"layout": "rows", "finding": "what", "value": "there", "names": {c: c for c in THREE}}
    assert labels_of(load(describe(folder, labels=labels)), *THREE) == columns


def test_views_of_a_study_are_chosen_as_the_recipe_says(tmp_path: Path, ontology: Ontology) -> None:
    rows = [
        "a,a1.png,Lateral,1",
        "a,a2.png,PA,1",
        "a,a3.png,AP,1",
        "b,b1.png,LAT,0",
        "c,c1.png,portable frontal,1",
    ]
    write(tmp_path, "study,image,projection,effusion\n" + "\n".join(rows) + "\n")
    path = describe(
        tmp_path,
        columns={"patient": "study", "study": "study", "image": "image", "view": "projection"},
        labels={"layout": "columns", "columns": {"effusion": "Pleural Effusion"}},
    )
    source = get_source(str(path))

    def read(views: str) -> tuple[dict[str, str], dict[str, int]]:
        loaded = source.load_labels(None, ontology, Options(views=views))
        assert loaded.rows_in == 5 == loaded.rows_out + sum(loaded.left_out.values())
        return dict(loaded.frame.select("study_id", "image").iter_rows()), loaded.left_out

    assert read("frontal") == ({"a": "a2.png", "b": "b1.png", "c": "c1.png"}, {})
    assert read("frontal-only") == ({"a": "a2.png", "c": "c1.png"}, {"no frontal view in the study": 1})
    assert read("lateral") == ({"a": "a1.png", "b": "b1.png"}, {"no lateral view in the study": 1})
    assert sorted(read("all")[0].values()) == ["a1.png", "a2.png", "a3.png", "b1.png", "c1.png"]
