"""What an export wrote and what it left out: told on the terminal, kept beside the files."""

from __future__ import annotations

import textwrap
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nastdata.dataset.manifest import dump_json, hash_bytes
from nastdata.terms import inherit_terms

if TYPE_CHECKING:
    from nastdata.dataset.folder import DatasetFolder
    from nastdata.images.export import ImagePlaces


@dataclass
class Account:
    """Rows by file, and reasons for what is in no file."""

    files: dict[str, int] = field(default_factory=dict)
    """Relative name -> rows."""
    left_out: dict[str, Counter[str]] = field(default_factory=dict)
    """File or config -> reason -> rows."""
    notes: list[str] = field(default_factory=list)
    """What a user should be told."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Numbers that a tool's command line needs."""

    def leave_out(self, where: str, reason: str, rows: int = 1) -> None:
        """Count rows that a file can't hold."""
        self.left_out.setdefault(where, Counter())[reason] += rows

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.notes:
            self.notes.append(text)

    def note_images(self, images: ImagePlaces) -> None:
        """Say which images were missing, and whether paths lead anywhere."""
        if images.tally.missing:
            some = ", ".join(images.tally.examples)
            self.note(f"{images.tally.missing:,} times an image was not found or not usable, e.g. {some}")
        for reason, n in sorted(Counter(images.unusable.values()).items()):
            self.note(f"{n:,} image{'s' * (n != 1)} left out: {reason}")
        for source in sorted(images.unplaced):
            self.note(
                f"image paths of {source} are as the corpus has them; "
                f"give --image-root {source}=FOLDER to have them lead to your files"
            )

    def tell_why(self) -> str:
        """Return the reasons in a few words."""
        reasons: Counter[str] = sum(self.left_out.values(), Counter())
        told = ", ".join(f"{reason}: {n:,}" for reason, n in reasons.most_common(4))
        return f" ({told})" if told else ""


def describe_export(
    folder: DatasetFolder, to: str, splits: tuple[str, ...], account: Account
) -> dict[str, Any]:
    """Return ``export.json``: what was made from which dataset, and what is missing in it."""
    manifest = folder.manifest or {}
    path = folder.path / "manifest.json"
    terms = inherit_terms(manifest.get("sources") or [])
    return {
        "nastdata_export": 1,
        "format": to,
        "splits": list(splits),
        "dataset": {
            "fingerprint": manifest.get("fingerprint"),
            "manifest_sha256": hash_bytes(path.read_bytes()) if path.is_file() else None,
            "nastdata": manifest.get("nastdata"),
        },
        "terms": {
            "licence": terms.licence_name,
            "may_publish": terms.may_publish,
            "statement": terms.statement,
        },
        "files": dict(sorted(account.files.items())),
        "left_out": {
            where: dict(sorted(reasons.items())) for where, reasons in sorted(account.left_out.items())
        },
        "facts": account.facts,
        "notes": account.notes,
    }


def write_account(partial: Path, told: dict[str, Any], how: str, out: Path) -> None:
    """Write ``export.json``, and ``README.md`` with the commands that read these files."""
    facts = {"out": out, **told["facts"]}
    lines = [
        f"# Export for {told['format']}",
        "",
        textwrap.dedent(how).strip().format_map(facts),
        "",
        "| file | rows |",
        "|---|---|",
        *(f"| {name} | {rows:,} |" for name, rows in told["files"].items()),
        "",
    ]
    for where, reasons in told["left_out"].items():
        lines += [f"Left out of {where}: {reason}, {n:,}." for reason, n in reasons.items()]
    lines += [*(f"Note: {note}." for note in told["notes"]), "", told["terms"]["statement"], ""]
    (partial / "README.md").write_text("\n".join(lines), encoding="utf-8")
    (partial / "export.json").write_bytes(dump_json(told))
