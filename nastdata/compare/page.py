"""A comparison as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from nastdata.compare.manifests import tell
from nastdata.compare.run import Comparison, list_cells
from nastdata.compare.terminal import SECTIONS, TITLES

HERE = Path(__file__).resolve().parent
CELLS = 200


def render_page(found: Comparison) -> str:
    """Return the page; everything that comes from data is escaped, and no script may run."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    import nastdata.report

    styles = Path(nastdata.report.__file__).resolve().parent
    environment = Environment(
        loader=FileSystemLoader([HERE, styles]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tell"] = tell
    style = environment.get_template("style.css").render() + environment.get_template("diff.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        found=found,
        style=style,
        style_hash=f"sha256-{digest}",
        titles=TITLES,
        sections=[(name, found.manifests[name]) for name in SECTIONS if found.manifests[name]],
        cells={c.config: list_cells(c)[:CELLS] for c in found.configs},
        truths=sum(c.counts["truth"] for c in found.configs),
    )
