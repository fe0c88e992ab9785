"""Where a dataset comes from: the manifest's account of recipe, inputs, versions, terms."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nastdata import __version__
from nastdata.ontology import Ontology
from nastdata.recipe import BuildRecipe, dump_recipe, fingerprint
from nastdata.resources import PACKAGE
from nastdata.sources.base import Loaded, Source

LIBRARIES = ("polars", "pyarrow", "pydantic", "numpy", "scipy", "scikit-learn", "datasets")


def describe_build(
    recipe: BuildRecipe,
    ontology: Ontology,
    sources: Sequence[Source],
    loaded: Sequence[Loaded],
    counts: dict[str, Any],
    audit: dict[str, Any] | None,
    ledger: dict[str, Any] | None,
    sent: dict[str, Any],
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the manifest without what only the written folder knows (row counts and sha256s of files).

    It holds nothing that differs between two runs of one installation: no clock, host or absolute path.
    """
    # by its name: the file is in the folder, and where it came from says nothing to others
    recipe = recipe.model_copy(update={"ontology": ontology.name})
    return {
        "nastdata": __version__,
        "git_revision": find_revision(),
        "libraries": {name: find_version(name) for name in LIBRARIES},
        "recipe": dump_recipe(recipe),
        "fingerprint": fingerprint(recipe),
        "seed": recipe.seed,
        "ontology": {
            "name": ontology.name,
            "version": ontology.version,
            "sha256": ontology.fingerprint,
            "review": ontology.review.model_dump(mode="json"),
            "file": "ontology.yaml",
            # what sign-offs have to fit
            **({"content": ontology.content} if ontology.review.sign_offs else {}),
        },
        "sources": [
            {
                "name": s.name,
                "title": s.title,
                "one_report_one_patient": s.one_report_one_patient,
                "terms": {
                    "licence": s.terms.licence,
                    "may_leave_machine": s.terms.may_leave_machine,
                    "may_publish": s.terms.may_publish,
                    "citation": s.terms.citation,
                    "url": s.terms.url,
                    "note": s.terms.note,
                },
                **(
                    {
                        "description": {
                            "file": f"sources/{s.name}.yaml",
                            "sha256": hashlib.sha256(s.description).hexdigest(),
                        }
                    }
                    if s.description is not None
                    else {}
                ),
                "files": [{"name": f.path.name, "sha256": f.sha256, "rows": f.rows} for f in x.files],
            }
            for s, x in zip(sources, loaded, strict=True)
        ],
        "counts": counts,
        "warnings": list(warnings),
        "audit": audit,
        "ledger": ledger,
        "sent_to_services": sent,
    }


def find_version(package: str) -> str | None:
    """Return the installed version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def find_revision() -> str | None:
    """Return the git revision of a source checkout, or None in an installed package."""
    if not (PACKAGE.parent / ".git").exists():
        return None
    command = ["git", "-C", str(PACKAGE.parent), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or None
