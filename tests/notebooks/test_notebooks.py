"""Every notebook runs from top to bottom: the first on a fresh store, those after it on the store it filled. Slow."""

import shutil
from pathlib import Path

import pytest

from transferkit import catalogue, named

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
REPORTS = {"03_late_prompts": "late_prompts", "04_across_models": "across_models"}  # the study a notebook reports, where it is not `smoke`
FIGURES = {"03_late_prompts": 6}  # how many it shows, where more than two
COSTS = ("237.075    237.075", "166.085    166.085", "122.608    122.608", "87.094     87.094")  # found, and reference
NUMBERS = {"03_late_prompts": (*COSTS, "791680", "263296", "20480")}  # that are among its outputs


def run(path: Path, folder: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit notebooks without outputs"
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    shown = [out.get("data", {}) for cell in notebook.cells for out in cell.get("outputs", [])]
    assert sum("image/png" in data for data in shown) >= FIGURES.get(path.stem, 2)  # figures are seen, not only made
    said = "\n".join(data.get("text/plain", "") for data in shown)
    assert [number for number in NUMBERS.get(path.stem, ()) if number not in said] == []
    assert (folder / "reports" / REPORTS.get(path.stem, "smoke") / "index.html").is_file()


@pytest.fixture(scope="module")
def smoke_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the store the first notebook fills."""
    if lacking := catalogue.missing(named.assets(["smoke", "minilm-l6", "flan-t5-small"])):
        pytest.skip(f"not fetched: transferkit fetch {' '.join(lacking)}")
    folder = tmp_path_factory.mktemp("first")
    run(NOTEBOOKS[0], folder)
    return folder / "runs"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_first_notebook_fills_a_store(smoke_store: Path) -> None:
    assert (smoke_store / "studies" / "smoke.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS[1:], ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_later_notebooks_run_on_its_store(path: Path, smoke_store: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke_store, tmp_path / "runs")
    run(path, tmp_path)
