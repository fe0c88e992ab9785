"""An ontology is reviewed statement by statement; a sign-off goes into its file and fits its content."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml
from commands import Run

from nastdata.checks.run import validate_folder
from nastdata.errors import UserError
from nastdata.ontology import Review, load_ontology
from nastdata.resources import find_resource
from nastdata.review.ontology.signing import replace_review
from nastdata.review.ontology.statements import STEMS, draw_statements, list_statements
from nastdata.review.sample import Plan
from nastdata.review.session import Session, enrol, open_session
from nastdata.review.signing import sign_session
from nastdata.review.store import Answer

SIGN = {"name": "A. Bee", "role": "radiologist", "date": "2026-11-28", "scope": ""}


@pytest.fixture
def knee(tmp_path: Path) -> Path:
    return Path(shutil.copy(find_resource("ontologies") / "knee_xray.yaml", tmp_path / "knee.yaml"))


def review(file: Path, items: int | None = None) -> Session:
    session = open_session(None, str(file), plan=Plan(items=items))
    enrol(session, ("AB", "CD"), ())
    for n in session.items:
        for person in ("AB", "CD"):
            value = "no" if n % 7 == 0 else "unsure" if (n, person) == (1, "CD") else "yes"
            session.store.save(Answer(n, person, {"right": value}))
    return session


def test_every_part_of_an_ontology_is_asked_about() -> None:
    ontology = load_ontology("chest_xray")
    statements = list(dict.fromkeys(list_statements(ontology)))
    kinds = Counter(s[1] for s in statements)
    assert set(kinds) == set(STEMS)
    assert kinds["names"] == len(ontology.conditions)
    pairs = kinds["phrase beside a finding"] + kinds["phrase against a finding"]
    phrases = sum(len(c.affirmative) for c in ontology.conditions)
    assert pairs == phrases * (len(ontology.conditions) - 1)
    texts = "\n".join(s[2] for s in statements)
    assert "'clear lung parenchyma' says that there is no consolidation" in texts
    _, items = draw_statements(ontology, Plan())
    drawn = Counter(i.kind for i in items)
    assert all(drawn[k] == n for k, n in kinds.items() if k != "label map")
    assert 90 < drawn["label map"] < 200 and len({i.key for i in items}) == len(items)


def test_label_maps_of_another_organ_are_not_asked_about() -> None:
    assert all(s[1] != "label map" for s in list_statements(load_ontology("knee_xray")))


def test_the_sign_off_goes_into_the_file_and_nothing_else_changes(knee: Path) -> None:
    before, ontology = knee.read_text(), load_ontology(str(knee))
    lines = sign_session(review(knee), **SIGN, out=None)
    after = knee.read_text()
    assert any("written: " in x for x in lines) and any("rejected" in x for x in lines)
    plain = [x for x in before.splitlines() if x.strip().startswith("#")]
    assert plain and [x for x in after.splitlines() if x.strip().startswith("#")] == plain
    one, two = yaml.safe_load(before), yaml.safe_load(after)
    one.pop("review"), two.pop("review")
    assert one == two
    signed = load_ontology(str(knee))
    assert signed.content == ontology.content and signed.fingerprint != ontology.fingerprint
    s = signed.review.sign_offs[0]
    assert (s.name, s.role, s.content) == ("A. Bee", "radiologist", ontology.content)
    assert s.accepted + s.rejected + s.unsure + s.open == s.items and s.open == 1 and s.krippendorff
    assert (knee.parent / "knee.review.jsonl").is_file()
    again = open_session(None, str(knee))
    assert not again.begun, "signing does not end the review"


def test_a_changed_ontology_is_reviewed_anew(knee: Path, run: Run) -> None:
    sign_session(review(knee, 20), **SIGN, out=None)
    text = knee.read_text()
    knee.write_text(text.replace("flat suprapatellar recess", "smooth suprapatellar recess"))
    with pytest.raises(UserError, match="begun on other data"):
        open_session(None, str(knee))
    assert run("ontology", "check", str(knee), "--no-trial").returncode == 0


def test_a_built_in_ontology_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session = review(Path("brain_mri"), 12)
    with pytest.raises(UserError, match="not changed in place"):
        sign_session(session, **SIGN, out=None)
    sign_session(session, **SIGN, out=tmp_path / "brain.yaml")
    assert load_ontology(str(tmp_path / "brain.yaml")).review.sign_offs
    with pytest.raises(UserError, match="exists already"):
        sign_session(session, **SIGN, out=tmp_path / "brain.yaml")


@pytest.mark.parametrize("stale", [False, True])
def test_builds_say_who_signed_and_validate_finds_forgeries(tmp_path: Path, run: Run, stale: bool) -> None:
    file = Path(shutil.copy(find_resource("ontologies") / "chest_xray.yaml", tmp_path / "chest.yaml"))
    sign_session(review(file, 30), **SIGN, out=None)
    if stale:
        file.write_text(file.read_text().replace("version: ", "version: 9", 1))
    out = tmp_path / "probes"
    settings = ("--set", "phantom_patients=200", "--set", f"ontology={file}")
    done = run("build", "probes", "--limit", "12", *settings, "--out", str(out))
    assert done.returncode == 0, done.stderr
    card = (out / "README.md").read_text()
    assert "Ontology: signed by A. Bee, radiologist, 2026-11-28: 30 of" in card
    assert ("for an EARLIER version of the file" in card) == stale
    assert validate_folder(out, audit=False, expectations=False).passed
    kept = out / "ontology.yaml"
    kept.write_text(kept.read_text().replace("A. Bee", "C. Dee"))
    path = out / "manifest.json"
    manifest = json.loads(path.read_text().replace("A. Bee", "C. Dee"))
    path.write_text(json.dumps(manifest))
    report = validate_folder(out, audit=False, expectations=False)
    assert "review" in report.failed_rules
    assert any("sign-off of C. Dee was changed" in r for r in report.failures["reason"])


@pytest.mark.parametrize(
    "text",
    [
        "name: x\nreview:\n  status: new\n\n# about places\nplaces: []\n",
        "name: x\nreview: {status: new}\nplaces: []\n",
        "review:\n  status: new\n  # the end\n",
        "name: x\nplaces: []",
    ],
)
def test_only_the_review_block_is_replaced(text: str) -> None:
    made = replace_review(text, Review(status="signed"))
    data = yaml.safe_load(made)
    assert data["review"]["status"] == "signed"
    assert {k: v for k, v in data.items() if k != "review"} == {
        k: v for k, v in yaml.safe_load(text).items() if k != "review"
    }
    assert made.count("#") == text.count("#")
    with pytest.raises(UserError, match="in braces"):
        replace_review("{name: x}", Review(status="signed"))
