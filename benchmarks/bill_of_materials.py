"""The bill of materials of this installation (CycloneDX 1.6), and a check for known weaknesses, offline.

    python benchmarks/bill_of_materials.py [--out sbom.json]        (make sbom)

Lists nastdata and all that it needs here, extras as far as they are installed, with versions, licences and
who needs whom. Exit code 1 if an installed version is in ``benchmarks/data/known_weaknesses.tsv``. That list
is kept by hand and is only as new as its date: where there is a network, CI asks ``pip-audit`` as well.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import uuid
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

LIST = Path(__file__).parent / "data" / "known_weaknesses.tsv"
LIST_DATE = "2026-01"
"""Month of the newest entry that was looked for."""
ROOT_PACKAGE = "nastdata"


def normalise(name: str) -> str:
    """Return a package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def find_installed(root: str = ROOT_PACKAGE) -> dict[str, tuple[Distribution, list[str]]]:
    """Return name -> (package, names of installed packages that it needs), from one package on.

    A package that ``root`` needs for no extra, and that is missing, would be an error of the installation.
    """
    from packaging.requirements import Requirement

    found: dict[str, tuple[Distribution, list[str]]] = {}
    todo = [root]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        package = distribution(name)
        needs = []
        for line in package.requires or []:
            requirement = Requirement(line)
            wanted = normalise(requirement.name)
            extras = {"", *(re.findall(r"extra == ['\"]([\w-]+)", line) if name == root else ())}
            marker = requirement.marker
            if marker is not None and not any(marker.evaluate({"extra": e}) for e in extras):
                continue
            try:
                distribution(wanted)
            except PackageNotFoundError:
                continue  # of an extra that is not installed
            if wanted != name:
                needs.append(wanted)
        found[name] = (package, sorted(set(needs)))
        todo += needs
    return found


def describe(found: dict[str, tuple[Distribution, list[str]]], root: str = ROOT_PACKAGE) -> dict[str, Any]:
    """Return a CycloneDX document; the same installation gives the same document."""

    def refer(name: str) -> str:
        return f"pkg:pypi/{name}@{found[name][0].version}"

    def component(name: str) -> dict[str, Any]:
        package = found[name][0]
        licence = next(iter(package.metadata.get_all("License-Expression") or []), None)
        classifiers = package.metadata.get_all("Classifier") or []
        named = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License ::")]
        out: dict[str, Any] = {
            "type": "application" if name == root else "library",
            "bom-ref": refer(name),
            "name": name,
            "version": package.version,
            "purl": refer(name),
        }
        if licence:
            out["licenses"] = [{"expression": licence}]
        elif named:
            out["licenses"] = [{"license": {"name": n}} for n in named]
        return out

    names = sorted(found)
    identity = uuid.uuid5(uuid.NAMESPACE_URL, "|".join(refer(n) for n in names))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{identity}",
        "version": 1,
        "metadata": {"component": component(root)},
        "components": [component(n) for n in names if n != root],
        "dependencies": [{"ref": refer(n), "dependsOn": [refer(d) for d in found[n][1]]} for n in names],
    }


def find_weaknesses(versions: dict[str, str], path: Path = LIST) -> Iterator[tuple[str, str, str, str]]:
    """Yield (package, version, weakness, what it is) of installed versions that are on the list."""
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            version = versions.get(normalise(row["package"]))
            if version and SpecifierSet(row["versions"]).contains(Version(version), prereleases=True):
                yield row["package"], version, row["name"], row["what"]


def main() -> None:
    """Write the document and say what is known to be weak."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="file to write; to stdout if not given")
    args = parser.parse_args()
    found = find_installed()
    text = json.dumps(describe(found), indent=1, ensure_ascii=False) + "\n"
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    weak = list(find_weaknesses({n: p.version for n, (p, _) in found.items()}))
    for package, version, name, what in weak:
        print(f"{package} {version}: {name}, {what}", file=sys.stderr)
    said = f"{len(found)} packages; {len(weak)} with a weakness that the list of {LIST_DATE} names"
    print(f"{said} (offline; pip-audit knows more)", file=sys.stderr)
    sys.exit(bool(weak))


if __name__ == "__main__":
    main()
