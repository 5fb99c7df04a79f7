"""The notebooks: executed as they are, and kept without outputs.

Where PAPILIO_NOTEBOOKS names a folder, it gets them with what they put out."""

import json
import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "samples/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
ALSO = {"boft_in_peft": ["torch", "transformers", "peft"]}


def text_of(cell):
    return "".join(cell["source"])


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS if path.stem[:2].isdigit()] == [
        path.name for path in sorted((FOLDER.parent / "lessons").glob("0*"))]
    assert {"boft_in_peft", "finetune_a_vit"} < {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_form(path):
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    solutions = []
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
        if "solution" in cell["metadata"].get("tags", []):
            assert cell["metadata"]["jupyter"]["source_hidden"]
            assert "## Exercise" in text_of(notebook["cells"][number - 1])
            solutions.append(number)
    assert len(solutions) == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    for module in ALSO.get(path.stem, []):
        pytest.importorskip(module)
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not any(output.output_type == "error" for output in shown)
    assert any("image/svg+xml" in output.get("data", {}).get("text/html", "") for output in shown)
    if "PAPILIO_NOTEBOOKS" in os.environ:
        kept = Path(os.environ["PAPILIO_NOTEBOOKS"])
        kept.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, kept / path.name)
