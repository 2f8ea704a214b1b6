"""Every notebook runs from top to bottom: the first on a fresh store, those after it on the store it filled. Slow."""

import shutil
from pathlib import Path

import pytest

from transferkit import catalogue, named

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
REPORTS = {  # the study a notebook reports, where it is not `smoke`
    "03_late_prompts": "late_prompts",
    "04_across_models": "across_models",
    "05_growing_backbones": "growing_backbones",
}
FIGURES = {"03_late_prompts": 6, "05_growing_backbones": 4}  # how many it shows, where more than two
COSTS = ("237.075    237.075", "166.085    166.085", "122.608    122.608", "87.094     87.094")  # found, and reference
SHARES = ("{'depth': 0.733, 'both': 0.64}", "86.0  72.2", "84.0  83.6", "74.0  65.3", "828.95", "108.89")
NUMBERS = {  # that are among its outputs
    "03_late_prompts": (*COSTS, "791680", "263296", "20480"),
    "05_growing_backbones": ("'minilm-l6-d75': (0, 1, 2, 3, 5)", *SHARES),
}


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
