"""The notebooks as they are stored: executed, free of errors, small, and of no one machine.

That they run is tested by nbmake, which executes every one of them at reduced settings.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "exploratory_examples"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MAX_BYTES = 500_000
# Two names or more after a slash that follows no word, URL or dot; a drive letter; a home folder.
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/~)\]}])/[\w.-]+/[\w.-]+|\b[A-Za-z]:\\\\?\w|~/\w")
PROGRESS_BAR = re.compile(r"\d+%\|")


def faults(path: Path) -> list[str]:
    """What is wrong with a stored notebook."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    shown = "\n".join(words(notebook))
    wrong = {
        f"has more than {MAX_BYTES} bytes": path.stat().st_size > MAX_BYTES,
        "was not executed from top to bottom": [cell["execution_count"] for cell in code]
        != list(range(1, len(code) + 1)),
        "shows nothing": not any(cell["outputs"] for cell in code),
        "ended in an error": any(kind == "error" for kind, _ in outputs(code)),
        "holds warnings": any(output.get("name") == "stderr" for _, output in outputs(code)),
        "keeps times of execution": any("execution" in cell["metadata"] for cell in code),
        f"names a path: {ABSOLUTE_PATH.findall(shown)}": ABSOLUTE_PATH.search(shown) is not None,
        "holds a progress bar": PROGRESS_BAR.search(shown) is not None,
    }
    return [fault for fault, found in wrong.items() if found]


def outputs(code: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [(output["output_type"], output) for cell in code for output in cell["outputs"]]


def words(node: Any) -> list[str]:
    """All text of a notebook; pictures are letters too, but no words."""
    if isinstance(node, dict):
        return [
            text
            for name, value in node.items()
            if not name.startswith(("image/", "application/"))
            for text in words(value)
        ]
    if isinstance(node, list):
        return [text for value in node for text in words(value)]
    return [node] if isinstance(node, str) else []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_as_it_should_be(path):
    assert faults(path) == []


def test_readme_names_every_notebook_and_no_other():
    named = re.findall(r"\w+\.ipynb", (FOLDER / "README.md").read_text(encoding="utf-8"))
    assert sorted(set(named)) == [path.name for path in NOTEBOOKS]


# --- broken twins ------------------------------------------------------------------------------

OUTPUT = {"output_type": "stream", "name": "stdout", "text": ["1/2 of https://arxiv.org/abs/1\n"]}


def cell(**changed: Any) -> dict[str, Any]:
    sound = {"cell_type": "code", "execution_count": 1, "metadata": {}, "source": ["print(1)"]}
    return sound | {"outputs": [OUTPUT]} | changed


def stored(folder: Path, *cells: dict[str, Any]) -> Path:
    path = folder / "notebook.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}), encoding="utf-8")
    return path


def test_sound_notebook_has_no_faults(tmp_path):
    text = {"cell_type": "markdown", "metadata": {}, "source": ["1 / fd, clean/noisy, a//b"]}
    picture = OUTPUT | {"output_type": "display_data", "data": {"image/png": "/tmp/run/x 9%|"}}
    assert faults(stored(tmp_path, text, cell(outputs=[OUTPUT, picture]))) == []


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        (dict(execution_count=None), "was not executed from top to bottom"),
        (dict(execution_count=2), "was not executed from top to bottom"),
        (dict(outputs=[]), "shows nothing"),
        (dict(outputs=[{"output_type": "error", "ename": "ValueError"}]), "ended in an error"),
        (dict(outputs=[OUTPUT | {"name": "stderr"}]), "holds warnings"),
        (dict(metadata={"execution": {"iopub.execute_input": ""}}), "keeps times of execution"),
        (dict(outputs=[OUTPUT | {"text": ["in /tmp/tmpx1/run"]}]), "names a path"),
        (dict(outputs=[OUTPUT | {"text": ["'/home/me/run'"]}]), "names a path"),
        (dict(source=["load(r'C:\\\\Users\\\\me')"]), "names a path"),
        (dict(outputs=[OUTPUT | {"text": ["epochs:  50%|#####     |"]}]), "holds a progress bar"),
        (dict(outputs=[OUTPUT | {"text": ["x" * MAX_BYTES]}]), "has more than"),
    ],
)
def test_broken_notebook_is_found(changed, fault, tmp_path):
    assert any(fault in found for found in faults(stored(tmp_path, cell(**changed))))
