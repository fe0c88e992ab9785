"""The notebooks run from top to bottom in a kernel of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import ROOT

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    if "evaluate" in path.stem:
        pytest.importorskip("open_clip")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(path, as_version=4)
    assert not any(c.get("outputs") for c in notebook.cells), "outputs are not kept in the repository"
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = [o for c in notebook.cells for o in c.get("outputs", [])]
    assert any("text/html" in o.get("data", {}) for o in shown)
    said = [o["text"] for o in shown if o.get("name") == "stderr"]
    assert not said, said
    kept = "my-first-dataset" if path.stem == "first_dataset" else "evaluation"
    assert (tmp_path / kept).is_dir()
