"""From answers to a signed folder and one without rejected items; what validate finds of forgeries."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from commands import Run
from small_builds import build_small

from nastdata.checks.run import validate_folder
from nastdata.checks.verdicts import Report
from nastdata.dataset.folder import read_dataset
from nastdata.dataset.manifest import hash_file
from nastdata.review.changes.apply import apply_review
from nastdata.review.questions import load_questions
from nastdata.review.sample import Plan
from nastdata.review.session import Session, enrol, open_session
from nastdata.review.signing import sign_session
from nastdata.review.store import Answer

Decide = Callable[[Any, str], dict[str, Any]]


def review(folder: Path, decide: Decide, items: int = 16) -> Session:
    """Let two readers answer a whole sample; ``decide`` changes the good answers of (item, person)."""
    session = open_session(folder, None, plan=Plan(items=items))
    enrol(session, ("AB", "CD"), ("EF",))
    known = load_questions()
    for item in session.items.values():
        for person in ("AB", "CD"):
            values = {q: known[q].good for q in item.questions}
            told = decide(item, person)
            values |= {q: v for q, v in told.items() if q in values}
            corrections = told.get("corrections", {})
            session.store.save(Answer(item.n, person, values, told.get("comment", ""), corrections, 5))
    return session


def sign(session: Session, **changes: Any) -> list[str]:
    told = {
        "name": "A. Bee",
        "role": "radiologist",
        "date": "2026-11-28",
        "scope": "",
        "out": None,
        **changes,
    }
    return sign_session(session, **told)


def check(folder: Path) -> Report:
    return validate_folder(folder, audit=False, expectations=False)


def find(report: Report, rule: str) -> Any:
    return next(v for v in report.verdicts if v.rule == rule)


@pytest.fixture(scope="module")
def signed(built_mednega: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(built_mednega, tmp_path_factory.mktemp("signed") / "mednega"))
    session = review(folder, lambda item, person: {"english": "no"} if item.n % 5 == 0 else {})
    sign(session)
    session.store.close()
    return folder


def test_an_unreviewed_dataset_says_so(mednega: Path) -> None:
    assert json.loads((mednega / "manifest.json").read_text())["review"] == {"status": "not reviewed"}
    assert "Not reviewed: nobody has signed" in (mednega / "README.md").read_text()
    assert "Not reviewed: nobody has signed" in (mednega / "report.html").read_text()
    assert "Not reviewed" in (mednega / "croissant.json").read_text()
    assert find(check(mednega), "review").note == "not reviewed"


def test_a_sign_off_is_in_manifest_card_and_report(signed: Path) -> None:
    said = json.loads((signed / "manifest.json").read_text())["review"]
    assert said["status"] == "reviewed"
    assert (
        said["sign_offs"][0] | {"name": "A. Bee", "role": "radiologist", "date": "2026-11-28"}
        == said["sign_offs"][0]
    )
    assert said["figures"]["items"]["rejected"] == 3 and said["sample"]["items"] == 16
    for name in ("README.md", "report.html"):
        text = (signed / name).read_text()
        assert "Signed by A. Bee, radiologist, 2026-11-28: 16 of" in text and "Not reviewed" not in text
        assert "13 accepted, 3 rejected" in text.replace("\n", " ")
    report = check(signed)
    assert report.passed, report.failures
    assert find(report, "review").note == "signed by A. Bee, radiologist, 2026-11-28"


def damage_manifest(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def figures(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["review"]["figures"]
    return found


def rehash(folder: Path, name: str) -> None:
    """Record a changed file's new hash everywhere, as a careful forger does."""

    def change(m: dict[str, Any]) -> None:
        m["outputs"][name] = hash_file(folder / name)
        if name in m["review"]["records"]:
            m["review"]["records"][name] = m["outputs"][name]

    damage_manifest(folder, change)


def flip_answers(folder: Path) -> None:
    path = folder / "review/answers.jsonl"
    path.write_text(path.read_text().replace('"english": "no"', '"english": "yes"'))
    rehash(folder, "review/answers.jsonl")


def choose_easy_items(folder: Path) -> None:
    path = folder / "review/sample.json"
    sample = json.loads(path.read_text())
    sample["plan"]["seed"] = 99
    path.write_text(json.dumps(sample))
    rehash(folder, "review/sample.json")


def drop_an_item(folder: Path) -> None:
    path = folder / "review/sample.json"
    sample = json.loads(path.read_text())
    gone = sample["items"].pop()["n"]
    path.write_text(json.dumps(sample))
    answers = folder / "review/answers.jsonl"
    lines = [x for x in answers.read_text().splitlines() if json.loads(x)["item"] != gone]
    answers.write_text("\n".join(lines) + "\n")
    rehash(folder, "review/sample.json")
    rehash(folder, "review/answers.jsonl")


def reword_a_reviewed_row(folder: Path) -> None:
    key = json.loads((folder / "review/sample.json").read_text())["items"][0]["key"]
    for path in folder.glob("data/mednega/*.parquet"):
        frame = pl.read_parquet(path)
        if key in frame["item_id"].to_list():
            changed = pl.when(pl.col("item_id") == key).then(pl.lit("Another stem?")).otherwise("question")
            frame.with_columns(changed.alias("question")).write_parquet(path)


FORGERIES: dict[str, tuple[Callable[[Path], None], str]] = {
    "another name": (
        lambda d: damage_manifest(d, lambda m: m["review"]["sign_offs"][0].update(name="C. Dee")),
        "was made for other rows, records or words"),
    "another role": (
        lambda d: damage_manifest(d, lambda m: m["review"]["sign_offs"][0].update(role="professor")),
        "was made for other rows, records or words"),
    "a second sign-off": (
        lambda d: damage_manifest(d, lambda m: m["review"]["sign_offs"].append(
            {**m["review"]["sign_offs"][0], "name": "C. Dee"})),
        "the sign-off of C. Dee was made for other"),
    "a better figure": (
        lambda d: damage_manifest(d, lambda m: figures(m)["items"].update(rejected=0, accepted=16)),
        "figures do not follow"),
    "a better kappa": (
        lambda d: damage_manifest(d, lambda m: figures(m)["agreement"]["english"]["fleiss"].update(value=0)),
        "figures do not follow"),
    "a sign-off out of nothing": (
        lambda d: damage_manifest(d, lambda m: m.update(review={
            "status": "reviewed",
            "sign_offs": [{"name": "X", "role": "y", "date": "z", "scope": "", "digest": "0"}]})),
        "malformed"),
    "nobody signed": (
        lambda d: damage_manifest(d, lambda m: m["review"].update(sign_offs=[])), "nobody signed"),
    "another status": (
        lambda d: damage_manifest(d, lambda m: m["review"].update(status="approved")), "none of ours"),
    "answers changed": (flip_answers, "was made for other"),
    "another seed": (choose_easy_items, "sample"),
    "an item left out": (drop_an_item, "sample"),
    "rows of another build": (
        lambda d: damage_manifest(d, lambda m: m["bindings"]["mednega"].update(rows="0" * 64)),
        "was made for other"),
    "a reviewed row reworded": (reword_a_reviewed_row, "a reviewed row was changed"),
    "records gone": (lambda d: shutil.rmtree(d / "review"), "a record that is not there"),
    "a path that leads out": (
        lambda d: damage_manifest(d, lambda m: m["review"].update(records={"../x": "0"})),
        "a record that is not there"),
    "records without a word": (
        lambda d: damage_manifest(d, lambda m: m.update(review={"status": "not reviewed"})),
        "does not speak of"),
    "nonsense": (lambda d: damage_manifest(d, lambda m: m.update(review=[1])), "malformed"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_sign_off_is_found(signed: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(signed, tmp_path / "mednega"))
    forge, said = FORGERIES[name]
    forge(folder)
    report = check(folder)
    assert find(report, "review").outcome == "failed"
    reasons = report.failures.filter(pl.col("rule") == "review")["reason"].to_list()
    assert any(said in r for r in reasons), reasons


def test_signing_twice_and_again_after_more_answers(mednega: Path) -> None:
    session = review(mednega, lambda item, person: {})
    assert any("signed: A. Bee" in x for x in sign(session))
    session = open_session(mednega, None)
    assert not any("replaced" in x for x in sign(session, name="C. Dee"))
    assert len(json.loads((mednega / "manifest.json").read_text())["review"]["sign_offs"]) == 2
    session.store.undo("AB")
    session = open_session(mednega, None)
    lines = sign(session, name="C. Dee")
    assert sum("replaced: the sign-off of" in x for x in lines) == 2
    assert check(mednega).passed


def test_rejected_items_leave_with_their_groups(mednega: Path, tmp_path: Path) -> None:
    session = review(mednega, lambda item, person: {"true": "no"} if item.n in (1, 2) else {})
    out = tmp_path / "applied"
    applied = apply_review(session, out)
    before, after = (read_dataset(f).read("mednega") for f in (mednega, out))
    rejected = {session.items[n].key for n in (1, 2)}
    groups = set(before.filter(pl.col("item_id").is_in(list(rejected)))["group_id"])
    assert not set(after["group_id"]) & groups
    assert len(after) == len(before) - 4 * len(groups)
    assert f"2 rejected items cost {4 * len(groups)} of {len(before)} rows" in applied.lines[0]
    rejects = read_dataset(out).read_rejects()
    assert rejects is not None and len(rejects.filter(pl.col("stage") == "review")) == 4 * len(groups)
    report = check(out)
    assert report.passed, report.failures
    assert "changed after a review" in find(report, "review").note
    said = json.loads((out / "manifest.json").read_text())
    assert said["review"]["applied"]["removed"] == {
        "mednega": {"review: rejected": 2, "review: its group lost a rejected item": 4 * len(groups) - 2}
    }
    assert "Changed after a review of 'mednega'" in (out / "README.md").read_text()
    put_back = pl.concat(
        [after.drop("split"), before.filter(pl.col("item_id").is_in(list(rejected))).drop("split")]
    )
    put_back.write_parquet(next(out.glob("data/mednega/train-*")))
    assert "a rejected row is there" in check(out).failures["reason"].to_list()


def test_captions_stay_balanced_and_claim_sets_whole(contextual: Path, tmp_path: Path) -> None:
    session = review(contextual, lambda item, person: {"true": "no"} if item.n % 4 == 0 else {}, 24)
    out = tmp_path / "applied"
    apply_review(session, out)
    report = check(out)
    assert report.passed, report.failures
    assert find(report, "balance").outcome == "passed" and find(report, "groups").outcome == "passed"
    before, after = (read_dataset(f).read("contextual_captions") for f in (contextual, out))
    gone = before.filter(~pl.col("caption_id").is_in(after["caption_id"].to_list()))
    assert len(gone) and gone["polarity"].value_counts()["count"].n_unique() == 1


def test_agreed_wordings_replace_texts_in_the_whole_group(contextual: Path, tmp_path: Path) -> None:
    fixed = {"caption": "There is no pneumothorax."}

    def decide(item: Any, person: str) -> dict[str, Any]:
        if item.config != "contextual_captions":
            return {}
        fact = item.lines[0].facts
        if fact == "Pneumothorax, absent":
            return {"english": "no", "corrections": fixed}
        if item.n % 3 == 0:
            return {"english": "no", "corrections": {"caption": "Something else entirely."}}
        return {}

    session = review(contextual, decide, 80)
    out = tmp_path / "applied"
    applied = apply_review(session, out)
    changes = json.loads((out / "review/changes.json").read_text())
    assert changes["reworded"] and all(c["after"] == fixed["caption"] for c in changes["reworded"])
    frame = read_dataset(out).read("contextual_captions")
    for c in changes["reworded"]:
        assert frame.filter(pl.col("caption_id") == c["key"])["caption"].to_list() == [fixed["caption"]]
    assert any(x.startswith("not reworded:") and "read back" in x for x in applied.lines)
    assert check(out).passed
    plain = tmp_path / "plain"
    apply_review(session, plain, corrections=False)
    assert json.loads((plain / "review/changes.json").read_text())["reworded"] == []
    assert len(read_dataset(plain).read("contextual_captions")) < len(frame)


PLAIN = {
    "Pneumothorax, absent": "There is no pneumothorax.",
    "Pleural Effusion, absent": "There is no pleural effusion.",
    "Edema, absent": "There is no pulmonary edema.",
    "Cardiomegaly, present": "Cardiomegaly is present.",
}
"""Fact as shown -> a sentence that says it."""


def test_claims_are_reworded_in_every_row_of_their_group(contextual: Path, tmp_path: Path) -> None:
    def decide(item: Any, person: str) -> dict[str, Any]:
        for line in item.lines if item.config == "contextual_claims" else ():
            slot, text = next(iter(line.texts.items()))
            better = PLAIN.get(line.facts)
            if better is not None and text != better:
                return {"corrections": {slot: better}}
        return {}

    session = review(contextual, decide, 200)
    out = tmp_path / "applied"
    apply_review(session, out)
    changes = json.loads((out / "review/changes.json").read_text())["reworded"]
    assert changes
    frame = read_dataset(out).read("contextual_claims")
    for c in changes:
        group = frame.filter(pl.col("set_id") == c["key"])["group_id"][0]
        for claims in frame.filter(pl.col("group_id") == group)["claims"].to_list():
            assert c["before"] not in claims
    assert check(out).passed


def test_disagreement_is_decided_before_it_is_applied(mednega: Path, tmp_path: Path) -> None:
    from nastdata.errors import UserError

    session = review(mednega, lambda item, person: {"true": "no"} if (item.n, person) == (1, "AB") else {})
    with pytest.raises(UserError, match=r"readers disagree on 1 item \(1\)"):
        apply_review(session, tmp_path / "x")
    item = session.items[1]
    known = load_questions()
    session.store.save(Answer(1, "EF", {q: known[q].good for q in item.questions}))
    assert "0 rejected items cost 0 of" in apply_review(session, tmp_path / "x").lines[0]


def test_embedded_images_are_carried_over_byte_for_byte(tmp_path: Path) -> None:
    folder = build_small(tmp_path / "embedded", "mednega", "--limit", "40", "--set", "images=embed")
    session = review(folder, lambda item, person: {"true": "no"} if item.n == 1 else {}, 6)
    assert all(i.pictures for i in session.items.values())
    from nastdata.review.pictures import ReviewPictures

    data, _ = ReviewPictures(folder, session.items, session.images).read(1, 0)
    assert data is not None and data.startswith(b"\x89PNG")
    out = tmp_path / "applied"
    apply_review(session, out)
    before, after = (
        pl.concat([pl.read_parquet(p) for p in sorted(f.glob("data/mednega/*.parquet"))])
        for f in (folder, out)
    )
    assert 0 < len(after) < len(before)
    joined = after.join(before, on="item_id", suffix="_before")
    assert len(joined) == len(after)
    for a, b in joined.select("image", "image_before").iter_rows():
        assert a == b and a["bytes"]
    report = check(out)
    assert report.passed, report.failures


def test_wrong_use_is_said_plainly(run: Run, mednega: Path, tmp_path: Path) -> None:
    for args, said in (
        (["review"], "give a dataset folder, or --ontology"),
        (["review", str(tmp_path / "nowhere")], "no such folder"),
        (["review", str(mednega), "--figures"], "no review was begun"),
        (["review", str(mednega), "--apply"], "no review was begun"),
        (["review", str(mednega), "--sign-off", "X"], "in which role"),
        (["review", str(mednega), "--role", "x"], "--role goes with --sign-off"),
        (["review", str(mednega), "--margin", "3"], "not between"),
        (["review", str(mednega), "--split", "dev"], "no split 'dev'"),
        (["review", str(mednega), "--config", "probes"], "no config 'probes'"),
        (["review", str(mednega), "--host", "0.0.0.0"], "not one address"),
        (["review", str(mednega), "--host", "example.org"], "not an IP address"),
    ):
        done = run(*args, cwd=tmp_path)
        assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_restricted_rows_are_served_to_this_machine_only(run: Run, tmp_path: Path) -> None:
    from dataset_frames import make_frames, make_manifest, make_rejects

    from nastdata.dataset.folder import write_dataset

    out = write_dataset(tmp_path / "chexpert", make_frames(8), make_rejects(), make_manifest())
    done = run("review", str(out), "--host", "192.0.2.1", "--items", "4")
    assert (
        done.returncode == 2
        and "terms of chexpert do not allow serving its rows to another machine" in done.stderr
    )


def test_a_rebuilt_dataset_is_another_one(mednega: Path, run: Run) -> None:
    session = review(mednega, lambda item, person: {})
    session.store.close()
    damage_manifest(
        mednega, lambda m: m["outputs"].update({k: "0" * 64 for k in m["outputs"] if k.startswith("data/")})
    )
    done = run("review", str(mednega), "--figures")
    assert done.returncode == 2 and "begun on other data" in done.stderr and "--fresh" in done.stderr
    again = open_session(mednega, None, fresh=True)
    assert not again.store.read_answers()
    assert (mednega.parent / "mednega.review.sqlite.1").is_file()
