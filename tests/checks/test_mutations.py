"""A good folder passes; damage of every kind is caught and named, with and without forged hashes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import folders
import polars as pl
import pytest
from folders import Row, edit_frame, edit_manifest, edit_rows, shard

from nastdata.checks.run import validate_folder

MED, CLAIMS, CAPTIONS = "mednega", "contextual_claims", "contextual_captions"
OPPOSITION = "opposition"
Change = Callable[[list[Row]], None]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("good")
    contextual = folders.build_small("contextual", base / "contextual", phantom_patients="60", limit="400")
    return {
        MED: folders.build_small("mednega", base / "mednega", phantom_patients="400", limit="60"),
        CLAIMS: contextual,
        CAPTIONS: contextual,
        OPPOSITION: folders.build_small("opposition", base / "opposition", phantom_patients="30", limit="60"),
    }


def judge(folder: Path) -> set[str]:
    return set(validate_folder(folder, audit=False, expectations=False).failed_rules)


@pytest.mark.parametrize("config", [MED, CLAIMS, OPPOSITION])
def test_a_good_folder_passes_every_rule(good: dict[str, Path], config: str) -> None:
    report = validate_folder(good[config], audit=False, expectations=False)
    assert report.passed
    assert not len(report.failures)
    unasked = ("audit", "expectations", "against_source", "images", "names")
    assert {v.outcome for v in report.verdicts if v.rule not in unasked} == {"passed"}


# --- what can be done to the rows of MedNega ----------------------------------------------------------


def right(row: Row) -> int:
    return "ABCD".index(row["answer"])


def flip_label(rows: list[Row]) -> None:
    options = rows[0]["choice_labels"]
    true = options[right(rows[0])]
    at = next(i for i in range(3) if [v ^ (i == j) for j, v in enumerate(true)] not in options)
    true[at] ^= 1


def swap_answer(rows: list[Row]) -> None:
    rows[0]["answer"] = "ABCD"[(right(rows[0]) + 1) % 4]


def add_not(rows: list[Row]) -> None:
    text = rows[0]["negated_choices"][1]
    rows[0]["negated_choices"][1] = "It is not the case that " + text[0].lower() + text[1:]


def use_affirmative_as_negated(rows: list[Row]) -> None:
    rows[0]["negated_choices"][2] = rows[0]["affirmative_choices"][2]


def use_negated_as_affirmative(rows: list[Row]) -> None:
    rows[0]["affirmative_choices"][2] = rows[0]["negated_choices"][2]


def swap_texts(rows: list[Row]) -> None:
    a = rows[0]["negated_choices"]
    a[0], a[1] = a[1], a[0]


def duplicate_row(rows: list[Row]) -> None:
    rows.append(dict(rows[0]))


def duplicate_under_new_key(rows: list[Row]) -> None:
    rows.append({**rows[0], "item_id": "another"})


def drop_row(rows: list[Row]) -> None:
    del rows[0]


def write_look_alike(rows: list[Row]) -> None:
    rows[0]["negated_choices"][0] = rows[0]["negated_choices"][0].replace("o", "\u043e", 1)


def hide_a_space(rows: list[Row]) -> None:
    rows[0]["negated_choices"][0] = rows[0]["negated_choices"][0].replace(" ", "\u200b ", 1)


def disguise_patient(rows: list[Row]) -> None:
    rows[0]["patient_id"] = rows[0]["patient_id"].replace("a", "\u0430", 1)


def pad_study(rows: list[Row]) -> None:
    rows[0]["study_id"] += " "


def answer_e(rows: list[Row]) -> None:
    rows[0]["answer"] = "E"


def answer_null(rows: list[Row]) -> None:
    rows[0]["answer"] = None


def rename_condition(rows: list[Row]) -> None:
    rows[0]["conditions"][0] = "Pneumonthorax"


def swap_conditions(rows: list[Row]) -> None:
    a = rows[0]["conditions"]
    a[0], a[1] = a[1], a[0]


def repeat_text(rows: list[Row]) -> None:
    rows[0]["negated_choices"][0] = rows[0]["negated_choices"][1]


def repeat_text_in_capitals(rows: list[Row]) -> None:
    rows[0]["affirmative_choices"][0] = rows[0]["affirmative_choices"][1].upper()


def drop_option(rows: list[Row]) -> None:
    for column in ("choice_labels", "negated_choices", "affirmative_choices"):
        rows[0][column].pop()


def label_two(rows: list[Row]) -> None:
    rows[0]["choice_labels"][0][0] = 2


def blank_question(rows: list[Row]) -> None:
    rows[0]["question"] = "  "


def lead_by_question(rows: list[Row]) -> None:
    rows[0]["question"] = "Which statement shows that there is no pneumothorax?"


def change_question(rows: list[Row]) -> None:
    rows[0]["question"] = next(r["question"] for r in rows if r["question"] != rows[0]["question"])


def add_place(rows: list[Row]) -> None:
    rows[0]["negated_choices"][0] = rows[0]["negated_choices"][0].rstrip(".") + " in the left lung."


def add_finding(rows: list[Row]) -> None:
    rows[0]["negated_choices"][0] = rows[0]["negated_choices"][0].rstrip(".") + " and a hiatal hernia."


def add_list_letter(rows: list[Row]) -> None:
    rows[0]["negated_choices"][0] = "A) " + rows[0]["negated_choices"][0]


def add_doubt(rows: list[Row]) -> None:
    text = rows[0]["negated_choices"][0]
    rows[0]["negated_choices"][0] = "Possible " + text[0].lower() + text[1:]


def double_space(rows: list[Row]) -> None:
    rows[0]["affirmative_choices"][0] = rows[0]["affirmative_choices"][0].replace(" ", "  ", 1)


def use_study_twice(rows: list[Row]) -> None:
    group = [r for r in rows if r["group_id"] == rows[0]["group_id"]]
    for column in ("patient_id", "study_id", "image_id", "image"):
        group[1][column] = group[0][column]


def give_study_to_another(rows: list[Row]) -> None:
    rows.append({**rows[0], "item_id": "x", "patient_id": rows[1]["patient_id"]})


def give_image_to_another(rows: list[Row]) -> None:
    rows[0]["image_id"] = rows[1]["image_id"]


def change_design(rows: list[Row]) -> None:
    rows[0]["design"] = "random"


def call_it_paper(rows: list[Row]) -> None:
    rows[0]["design"] = "paper"


def change_realizer(rows: list[Row]) -> None:
    rows[0]["realizer"] = "me"


def contradict_hierarchy(rows: list[Row]) -> None:
    rows[0]["conditions"] = ["Enlarged Cardiomediastinum", "Cardiomegaly", "Fracture"]


def clash(rows: list[Row]) -> None:
    rows[0]["conditions"] = ["Consolidation", "Pleural Effusion", "Fracture"]
    instead = [
        "preserved vessel outlines throughout the lungs",
        "sharp costophrenic angles",
        "intact bony thorax",
    ]
    names = ["consolidation", "pleural effusion", "fracture"]
    rows[0]["affirmative_choices"] = [
        "; ".join(n if v else i for v, n, i in zip(labels, names, instead, strict=True))
        for labels in rows[0]["choice_labels"]
    ]


def leave_plane(rows: list[Row]) -> None:
    used = rows[0]["choice_labels"]
    for other in ([0, 0, 1], [0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1], [1, 1, 0]):
        if other not in used:
            used[(right(rows[0]) + 1) % 4] = other
            return


def polarise(rows: list[Row]) -> None:
    rows[0]["choice_labels"][(right(rows[0]) + 1) % 4] = [0, 0, 0]


def rename_group(rows: list[Row]) -> None:
    rows[0]["group_id"] = "a-group-of-its-own"


def blank_patient(rows: list[Row]) -> None:
    rows[0]["patient_id"] = ""


ROWS_OF_MEDNEGA: list[tuple[Change, str]] = [
    (flip_label, "round_trip"),
    (swap_answer, "groups"),
    (add_not, "round_trip"),
    (use_affirmative_as_negated, "round_trip"),
    (use_negated_as_affirmative, "round_trip"),
    (swap_texts, "round_trip"),
    (duplicate_row, "keys"),
    (duplicate_under_new_key, "groups"),
    (drop_row, "groups"),
    (write_look_alike, "round_trip"),
    (hide_a_space, "round_trip"),
    (disguise_patient, "identifiers"),
    (pad_study, "identifiers"),
    (answer_e, "vocabulary"),
    (answer_null, "required"),
    (rename_condition, "vocabulary"),
    (swap_conditions, "options"),
    (repeat_text, "options"),
    (repeat_text_in_capitals, "options"),
    (drop_option, "options"),
    (label_two, "options"),
    (blank_question, "required"),
    (lead_by_question, "questions"),
    (change_question, "groups"),
    (add_place, "round_trip"),
    (add_finding, "round_trip"),
    (add_list_letter, "round_trip"),
    (add_doubt, "round_trip"),
    (double_space, "round_trip"),
    (use_study_twice, "groups"),
    (give_study_to_another, "studies"),
    (give_image_to_another, "studies"),
    (change_design, "vocabulary"),
    (call_it_paper, "groups"),
    (change_realizer, "vocabulary"),
    (contradict_hierarchy, "hierarchy"),
    (clash, "clashes"),
    (leave_plane, "plane"),
    (polarise, "plane"),
    (rename_group, "groups"),
    (blank_patient, "required"),
]

# --- claim sets and captions ---------------------------------------------------------------------------


def swap_claim_answer(rows: list[Row]) -> None:
    rows[0]["answer"] = (rows[0]["answer"] + 1) % len(rows[0]["claims"])


def forge_claim_answer(rows: list[Row]) -> None:
    """Another claim is called the true one, everything that depends on it changed too."""
    r = next(r for r in rows if r["set_kind"] == "same_condition")
    old = r["answer"]
    new = (old + 1) % len(r["claims"])
    r["altered"][old], r["altered"][new], r["answer"] = r["altered"][new], None, new


def answer_beyond(rows: list[Row]) -> None:
    rows[0]["answer"] = 7


def answer_below(rows: list[Row]) -> None:
    rows[0]["answer"] = -1


def impossible_place(rows: list[Row]) -> None:
    row = next(r for r in rows if any(f["location"] for f in r["claim_facts"]))
    next(f for f in row["claim_facts"] if f["location"])["location"] = "left middle lobe"


def flip_existence(rows: list[Row]) -> None:
    fact = rows[0]["claim_facts"][0]
    fact["existence"] = "absent" if fact["existence"] == "present" else "present"


def move_place_in_text(rows: list[Row]) -> None:
    for r in rows:
        for i, (text, fact) in enumerate(zip(r["claims"], r["claim_facts"], strict=True)):
            if (fact["location"] or "").startswith("left") and text.count("left") == 1:
                r["claims"][i] = text.replace("left", "right")
                return


def change_negation(rows: list[Row]) -> None:
    """A claim denies what its fact does not name."""
    row = next(r for r in rows if r["claim_facts"][0]["severity"] is None)
    row["claim_negations"][0] = "severity"


def change_altered(rows: list[Row]) -> None:
    row = next(r for r in rows if "existence" in r["altered"] and r["set_kind"] == "same_condition")
    row["altered"][row["altered"].index("existence")] = "severity"


def alter_nothing(rows: list[Row]) -> None:
    rows[0]["altered"] = [None] * len(rows[0]["altered"])


def cut_lists(rows: list[Row]) -> None:
    last = 2
    for column in ("claims", "claim_facts", "claim_negations", "altered"):
        rows[0][column] = rows[0][column][:last]
    rows[0]["answer"], rows[0]["altered"] = 0, [None, "existence"]


def cut_one_list(rows: list[Row]) -> None:
    rows[0]["claim_facts"].pop()


def repeat_claim(rows: list[Row]) -> None:
    a = rows[0]["claims"]
    a[0] = a[1]


def change_kind(rows: list[Row]) -> None:
    other = {"same_condition": "mixed_condition", "mixed_condition": "same_condition"}
    rows[0]["set_kind"] = other[rows[0]["set_kind"]]


def change_set_condition(rows: list[Row]) -> None:
    rows[0]["condition"] = "Fracture" if rows[0]["condition"] != "Fracture" else "Edema"


def change_set_type(rows: list[Row]) -> None:
    used = {*rows[0]["claim_negations"]}
    rows[0]["negation_type"] = next(t for t in ("severity", "location", "existence") if t not in used)


def add_no_to_claim(rows: list[Row]) -> None:
    rows[0]["claims"][0] = "There is no evidence that " + rows[0]["claims"][0].lower()


def claim_what_is_true(rows: list[Row]) -> None:
    """A false claim becomes a vaguer form of the true one, text and fact alike: it is true as well."""
    for r in rows:
        fact = r["claim_facts"][r["answer"]]
        if r["set_kind"] == "same_condition" and fact["existence"] == "present" and fact["location"]:
            at = (r["answer"] + 1) % len(r["claims"])
            if r["claim_negations"][r["answer"]] != "none":
                continue
            r["claims"][at] = f"There is {NAMES.get(fact['condition'], fact['condition'].lower())}."
            r["claim_facts"][at] = {**fact, "location": None, "severity": None}
            r["claim_negations"][at], r["altered"][at] = "none", "existence"
            return
    raise AssertionError("no such claim set")


def on_long_sets(change: Change) -> Change:
    """Damage sets with many claims: in one of two, most damage breaks the make-up of the set as well."""

    def changed(rows: list[Row]) -> None:
        rows.sort(key=lambda r: -len(r["claims"]))
        change(rows)

    return changed


NAMES = {"Edema": "pulmonary edema", "Lung Opacity": "a lung opacity", "Pneumothorax": "a pneumothorax"}

ROWS_OF_CLAIMS: list[tuple[Change, str]] = [
    (swap_claim_answer, "claims"),
    (forge_claim_answer, "groups"),
    (answer_beyond, "claims"),
    (answer_below, "claims"),
    (impossible_place, "facts"),
    (flip_existence, "round_trip"),
    (move_place_in_text, "round_trip"),
    (change_negation, "facts"),
    (change_altered, "one_attribute"),
    (alter_nothing, "claims"),
    (cut_lists, "claims"),
    (cut_one_list, "claims"),
    (repeat_claim, "claims"),
    (change_kind, "claims"),
    (change_set_condition, "claims"),
    (change_set_type, "claims"),
    (add_no_to_claim, "round_trip"),
    (claim_what_is_true, "consistency"),
    (duplicate_row, "keys"),
    (drop_row, "groups"),
]


def flip_polarity(rows: list[Row]) -> None:
    rows[0]["polarity"] = {"negated": "affirmative", "affirmative": "negated"}[rows[0]["polarity"]]


def negate_caption(rows: list[Row]) -> None:
    rows[0]["caption"] = "There is no " + rows[0]["caption"].lower()


def deny_caption(rows: list[Row]) -> None:
    """Text, fact and polarity change together: only other rows about the study can tell."""
    row = next(r for r in rows if r["fact"]["existence"] == "present" and r["negation_type"] == "none")
    row["caption"] = f"There is no {NAMES.get(row['fact']['condition'], row['fact']['condition']).lower()}."
    row["caption"] = row["caption"].replace("no a ", "no ")
    row["fact"] = {**row["fact"], "existence": "absent", "location": None, "severity": None}
    row["polarity"], row["negation_type"] = "negated", "existence"


def change_grade(rows: list[Row]) -> None:
    row = next(r for r in rows if r["fact"]["severity"] in ("small", "large"))
    row["fact"]["severity"] = {"small": "large", "large": "small"}[row["fact"]["severity"]]


def change_caption_type(rows: list[Row]) -> None:
    rows[0]["negation_type"] = "severity" if rows[0]["negation_type"] != "severity" else "location"


def doubt_caption(rows: list[Row]) -> None:
    rows[0]["fact"]["existence"] = "uncertain"


ROWS_OF_CAPTIONS: list[tuple[Change, str]] = [
    (flip_polarity, "polarity"),
    (negate_caption, "round_trip"),
    (deny_caption, "balance"),
    (change_grade, "round_trip"),
    (change_caption_type, "facts"),
    (doubt_caption, "facts"),
    (drop_row, "balance"),
    (duplicate_row, "keys"),
]


def blank_caption(rows: list[Row]) -> None:
    rows[0]["caption"] = ""


ROWS_OF_CAPTIONS.append((blank_caption, "required"))

# --- pairs ------------------------------------------------------------------------------------------------


def swap_prompts(rows: list[Row]) -> None:
    r = rows[0]
    r["prompt"], r["distractor_prompt"] = r["distractor_prompt"], r["prompt"]


def same_prompts(rows: list[Row]) -> None:
    rows[0]["distractor_prompt"] = rows[0]["prompt"]


def same_film(rows: list[Row]) -> None:
    rows[0]["distractor_image_id"] = rows[0]["image_id"]


def other_finding(rows: list[Row]) -> None:
    rows[0]["prompt"] = "There is a hiatal hernia."


def wrong_style(rows: list[Row]) -> None:
    rows[0]["style"] = "poetic"


ROWS_OF_OPPOSITION: list[tuple[Change, str]] = [
    (swap_prompts, "pairs"),
    (same_prompts, "pairs"),
    (same_film, "pairs"),
    (other_finding, "pairs"),
    (wrong_style, "vocabulary"),
    (duplicate_row, "keys"),
]

ALL = [
    *((MED, c, r) for c, r in ROWS_OF_MEDNEGA),
    *((CLAIMS, c, r) for c, r in ROWS_OF_CLAIMS),
    *((CAPTIONS, c, r) for c, r in ROWS_OF_CAPTIONS),
    *((OPPOSITION, c, r) for c, r in ROWS_OF_OPPOSITION),
]


@pytest.mark.parametrize(("config", "change", "rule"), ALL, ids=[f"{c}-{f.__name__}" for c, f, _ in ALL])
def test_damage_to_rows_is_named(
    good: dict[str, Path], tmp_path: Path, config: str, change: Change, rule: str
) -> None:
    """Without a forged manifest the hash tells; with one, the rule that the damage breaks."""
    folder = folders.copy_folder(good[config], tmp_path / "copy")
    edit_rows(folder, config, change if config != CLAIMS else on_long_sets(change))
    assert "hashes" in judge(folder)
    folders.seal(folder)
    found = judge(folder)
    assert rule in found
    assert not found & {"hashes", "files", "rows", "manifest"}


# --- files, types, splits, manifest ----------------------------------------------------------------------


def move_row(folder: Path) -> None:
    """One row of a train patient goes to the test split."""
    path, other = shard(folder, CAPTIONS), shard(folder, CAPTIONS, "test")
    frame, test = pl.read_parquet(path), pl.read_parquet(other)
    pl.concat([test, frame[:1]]).write_parquet(other)
    frame[1:].write_parquet(path)


def move_group(folder: Path) -> None:
    path, other = shard(folder, MED), shard(folder, MED, "test")
    frame, test = pl.read_parquet(path), pl.read_parquet(other)
    pl.concat([test, frame[:1]]).write_parquet(other)
    frame[1:].write_parquet(path)


def drop_shard(folder: Path) -> None:
    shard(folder, MED, "validation").unlink()


def drop_one_of_two(folder: Path) -> None:
    path = shard(folder, MED)
    path.rename(path.with_name("train-00000-of-00002.parquet"))


def number_shards_twice(folder: Path) -> None:
    path = shard(folder, MED)
    frame = pl.read_parquet(path)
    frame[:10].write_parquet(path.with_name("train-00001-of-00002.parquet"))
    frame[10:].write_parquet(path)


def cut_file(folder: Path) -> None:
    path = shard(folder, MED)
    path.write_bytes(path.read_bytes()[:-200])


def spoil_bytes(folder: Path) -> None:
    path = shard(folder, MED)
    data = bytearray(path.read_bytes())
    data[200:1200] = bytes(1000)
    path.write_bytes(bytes(data))


def empty_file(folder: Path) -> None:
    shard(folder, MED).write_bytes(b"")


def add_strange_file(folder: Path) -> None:
    (folder / "data" / MED / "holdout-00000-of-00001.parquet").write_bytes(shard(folder, MED).read_bytes())


def add_strange_config(folder: Path) -> None:
    (folder / "data" / "more").mkdir()
    (folder / "data" / "more" / "train-00000-of-00001.parquet").write_bytes(shard(folder, MED).read_bytes())


def link_elsewhere(folder: Path) -> None:
    path = shard(folder, MED)
    away = folder.parent / "away.parquet"
    path.rename(away)
    path.symlink_to(away)


def change_type(folder: Path) -> None:
    edit_frame(folder, CLAIMS, lambda f: f.with_columns(pl.col("answer").cast(pl.Int32)))


def number_answers(folder: Path) -> None:
    edit_frame(
        folder,
        MED,
        lambda f: f.with_columns(
            pl.col("answer").replace_strict(list("ABCD"), range(4), return_dtype=pl.Int64)
        ),
    )


def drop_column(folder: Path) -> None:
    edit_frame(folder, MED, lambda f: f.drop("group_id"))


def rename_column(folder: Path) -> None:
    edit_frame(folder, MED, lambda f: f.rename({"answer": "Answer"}))


def add_column(folder: Path) -> None:
    edit_frame(folder, MED, lambda f: f.with_columns(pl.lit("x").alias("label")))


def reorder_columns(folder: Path) -> None:
    edit_frame(folder, MED, lambda f: f.select(reversed(f.columns)))


def empty_reason(folder: Path) -> None:
    path = folder / "rejects.parquet"
    schema = pl.read_parquet(path).schema
    row = {"stage": "text", "reason": " ", "source": "phantom", "key": "k", "text": None}
    pl.DataFrame([row], schema=schema).write_parquet(path)


def hide_rejects(folder: Path) -> None:
    edit_manifest(folder, lambda m: m["counts"].update(rejects={"not worded": 3}))


FILES: list[tuple[str, Callable[[Path], None], str]] = [
    (CAPTIONS, move_row, "patients"),
    (MED, move_group, "groups"),
    (MED, drop_one_of_two, "files"),
    (MED, number_shards_twice, "files"),
    (MED, cut_file, "readable"),
    (MED, spoil_bytes, "readable"),
    (MED, empty_file, "readable"),
    (MED, add_strange_file, "files"),
    (MED, add_strange_config, "files"),
    (MED, link_elsewhere, "files"),
    (CLAIMS, change_type, "columns"),
    (MED, number_answers, "columns"),
    (MED, drop_column, "columns"),
    (MED, rename_column, "columns"),
    (MED, add_column, "columns"),
    (MED, reorder_columns, "columns"),
    (MED, empty_reason, "rejects"),
    (MED, hide_rejects, "rejects"),
]


@pytest.mark.parametrize(("config", "damage", "rule"), FILES, ids=[d.__name__ for _, d, _ in FILES])
def test_damage_to_files_is_named(
    good: dict[str, Path], tmp_path: Path, config: str, damage: Callable[[Path], None], rule: str
) -> None:
    folder = folders.copy_folder(good[config], tmp_path / "copy")
    damage(folder)
    assert rule in judge(folder)
    try:
        folders.seal(folder)
    except (pl.exceptions.PolarsError, OSError):
        return  # A file that can't be counted can't be recorded either.
    assert rule in judge(folder)


def test_a_dropped_shard_is_missed(good: dict[str, Path], tmp_path: Path) -> None:
    folder = folders.copy_folder(good[MED], tmp_path / "copy")
    drop_shard(folder)
    assert {"files", "rows"} <= judge(folder)


def test_an_edited_document_is_noticed(good: dict[str, Path], tmp_path: Path) -> None:
    folder = folders.copy_folder(good[MED], tmp_path / "copy")
    (folder / "README.md").write_text("licence: mit\n")
    (folder / "notes.txt").write_text("mine")
    assert {"hashes", "files"} == judge(folder)


MANIFEST: dict[str, tuple[Callable[[dict], None], str]] = {
    "seed": (lambda m: m.update(seed=5), "manifest"),
    "recipe": (lambda m: m["recipe"].update(design="paper"), "manifest"),
    "unknown key": (lambda m: m["recipe"].update(desing="paper"), "manifest"),
    "fingerprint": (lambda m: m.update(fingerprint="0" * 64), "manifest"),
    "format": (lambda m: m.update(format=9), "manifest"),
    "sources": (lambda m: m["sources"][0].update(name="chexpert"), "manifest"),
    "no outputs": (lambda m: m.pop("outputs"), "manifest"),
    "no recipe": (lambda m: m.pop("recipe"), "manifest"),
    "rows": (lambda m: m["rows"][MED].update(train=4), "rows"),
    "accepted": (lambda m: m["counts"]["text"][MED].update(accepted=1), "manifest"),
    "ontology": (lambda m: m["recipe"].update(ontology="nowhere.yaml"), "manifest"),
}


@pytest.mark.parametrize("what", MANIFEST)
def test_an_edited_manifest_is_noticed(good: dict[str, Path], tmp_path: Path, what: str) -> None:
    folder = folders.copy_folder(good[MED], tmp_path / "copy")
    change, rule = MANIFEST[what]
    edit_manifest(folder, change)
    assert rule in judge(folder)


@pytest.mark.parametrize("text", ["{", "[]", "{}", "\x00"])
def test_a_manifest_that_cannot_be_read_is_a_failed_rule(
    good: dict[str, Path], tmp_path: Path, text: str
) -> None:
    folder = folders.copy_folder(good[MED], tmp_path / "copy")
    (folder / "manifest.json").write_text(text)
    assert judge(folder) == {"manifest"}


def test_a_recorded_blind_accuracy_that_is_not_so_is_noticed(good: dict[str, Path], tmp_path: Path) -> None:
    folder = folders.copy_folder(good[MED], tmp_path / "copy")
    from nastdata.checks.audit_folder import audit_folder
    from nastdata.dataset.folder import read_dataset

    audit = json.loads(json.dumps(audit_folder(read_dataset(folder), seeds=1, folds=3).to_json()))
    edit_manifest(folder, lambda m: m.update(audit=audit))
    assert "audit" not in validate_folder(folder, expectations=False, folds=3).failed_rules
    audit["solvers"][0]["accuracy"] = 0.9
    edit_manifest(folder, lambda m: m.update(audit=audit))
    assert "audit" in validate_folder(folder, expectations=False, folds=3).failed_rules


def test_there_are_enough_ways() -> None:
    assert len(ALL) + len(FILES) + len(MANIFEST) >= 100
