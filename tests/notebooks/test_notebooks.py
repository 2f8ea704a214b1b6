"""Every notebook runs from top to bottom: the first on a fresh store, those after it on the store it filled. Slow."""

import shutil
from pathlib import Path

import pytest

from transferkit import catalogue, named

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def run(path: Path, folder: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit notebooks without outputs"
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    drawn = [out for cell in notebook.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(drawn) >= 2  # figures are seen, not only made
    assert (folder / "reports" / "smoke" / "index.html").is_file()


@pytest.fixture(scope="module")
def smoke_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the store the first notebook fills."""
    if lacking := catalogue.missing(named.assets(["smoke"])):
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
