"""The notebook beside this file, run by Jupyter's own kernel in an empty folder."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.children import ROOT

NOTEBOOK = Path(__file__).with_name("from_folder_to_figure.ipynb")


def test_ten_cells_lead_from_a_folder_to_a_figure_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert len(notebook.cells) == 10
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()

    outputs = [cell.get("outputs", []) for cell in notebook.cells]
    streams = [(each["name"], each["text"]) for cell in outputs for each in cell if each["output_type"] == "stream"]
    assert streams == []
    shown = outputs[3][0]["data"]["text/html"]
    assert "<b>30 images</b>" in shown
    assert shown.count("data:image/jpeg") == 8
    (figure,) = [each["data"] for each in outputs[-1] if "image/png" in each.get("data", {})]
    assert len(figure["image/png"]) > 5_000
    assert (tmp_path / "evaluation" / "evaluation.html").is_file()
