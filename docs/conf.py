"""Configuration of the documentation site: `make docs` builds it, offline, with warnings as errors."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import reference  # noqa: E402

import nastdata  # noqa: E402

project = "nastdata"
author = "The nastdata maintainers"
copyright = "the nastdata maintainers, Apache-2.0"
version = release = nastdata.__version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_*", "gallery"]
suppress_warnings = ["config.cache", "myst.header"]
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_use_rtype = False
napoleon_custom_sections = [("Warns", "params_style")]

# Nothing is loaded from elsewhere: fonts are the reader's own, the search is a file of the site.
html_theme = "furo"
html_title = f"nastdata {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options: dict[str, Any] = {
    "navigation_with_keys": True,
    "light_css_variables": {"color-brand-primary": "#1f5fae", "color-brand-content": "#1f5fae"},
    "dark_css_variables": {"color-brand-primary": "#7fb2f5", "color-brand-content": "#7fb2f5"},
}
copybutton_exclude = ".linenos, .gp, .go"

PAGE = re.compile(r"`docs/([\w-]+)\.md`")


def link_pages(app: Any, docname: str, source: list[str]) -> None:
    """Make links of pages that the text names as files, such as `docs/designs.md`."""
    up = "../" * docname.count("/")

    def link(match: re.Match[str]) -> str:
        name = match[1]
        return f"[{_title(name)}]({up}{name}.md)" if (HERE / f"{name}.md").is_file() else match[0]

    source[0] = PAGE.sub(link, source[0])


def _title(name: str) -> str:
    first = (HERE / f"{name}.md").read_text(encoding="utf-8").partition("\n")[0]
    return first.lstrip("# ").strip() or name


def write_reference(app: Any) -> None:
    """Write the pages that are made from the code, and the list of those that no section names."""
    reference.write_all(HERE / "reference")
    pages = [p for p in HERE.rglob("*.md") if p.name != "_more.md"]
    listed = {
        (page.parent / name).resolve()
        for page in pages
        for name in re.findall(r"^([\w./-]+)$", page.read_text(encoding="utf-8"), re.M)
    }
    left = sorted(
        p.stem
        for p in HERE.glob("*.md")
        if p.with_suffix("") not in listed and p.stem not in ("index", "_more")
    )
    lines = ["```{toctree}", ":maxdepth: 1", ":caption: More", "", *left, "```", ""] if left else [""]
    (HERE / "_more.md").write_text("\n".join(lines), encoding="utf-8")


def setup(app: Any) -> None:
    """Connect both."""
    app.connect("builder-inited", write_reference)
    app.connect("source-read", link_pages)
