"""Fixed costs of a cell of a matrix: ours through the store, and a process with a model of its own."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.cases import Case
from benchmarks.harness import Job, Stopwatch, Turn
from benchmarks.models import LABEL_WORDS, backbone, stock
from transferkit.artifacts import Prompt
from transferkit.run import fill
from transferkit.specs import Recipe
from transferkit.store import Store
from transferkit.study import Study
from transferkit.tasks.base import Label, LocalData, Sizes, Task

LENGTH = 20
FEW, MANY = 1, 5  # seeds; the difference in cells is what is timed
N_TASKS = 3
N_TEXTS = 64


def loading(case: Case) -> Job:
    """Return a job that times a process which imports the library and loads a saved model; its unit is a process."""
    folder = tempfile.TemporaryDirectory()
    stock(case.model).save_pretrained(folder.name)

    def turn() -> Turn:
        code = f"from transformers import AutoModelForMaskedLM\nAutoModelForMaskedLM.from_pretrained({folder.name!r})"
        with Stopwatch() as watch:
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        return watch.turn(1)

    return turn


def added_cells() -> Job:
    """Return a job that times what one more cell costs: two studies on fresh stores, the difference of their times.

    Both load the same tiny model and tokenise the same texts once, so neither is in the difference. Its unit is a cell.
    """
    folder = tempfile.TemporaryDirectory()
    root = Path(folder.name)
    tiny = backbone("tiny-roberta")
    tiny.model.save_pretrained(root / "model")
    tiny.tokenizer.save_pretrained(root / "model")
    rows = [f"example number {i},{i % 2}" for i in range(N_TEXTS)]
    (root / "train.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    (root / "report.csv").write_text("text,label\nit is here,0\nit is there,1\n")

    def turn() -> Turn:
        first, second = (filled(study(Path(folder.name), n_seeds)) for n_seeds in (FEW, MANY))
        cells = N_TASKS**2 * (MANY - FEW)
        return Turn(cells, second.cpu_s - first.cpu_s, second.wall_s - first.wall_s)

    return turn


def study(root: Path, n_seeds: int) -> Study:
    """Return a study of a few tasks, each with two examples to score, one of each class."""
    source = LocalData(train=str(root / "train.csv"), report=str(root / "report.csv"), sha256="0", report_sha256="0")
    labels = tuple(Label(value=str(i), word=word, description=word) for i, word in enumerate(LABEL_WORDS))
    tasks = [Task(name=f"task{i}", source=source, labels=labels, template="{text} {mask}") for i in range(N_TASKS)]
    return Study(
        backbones=[str(root / "model")],
        tasks=tasks,
        seeds=range(n_seeds),
        recipe=Recipe(prompt_length=LENGTH),
        readout="masked",
        sizes=Sizes(train=32, selection=16, report=2),
        neurons=False,
        nearest_words=0,
    )


def filled(asked: Study) -> Turn:
    """Return what it takes to measure all cells of a study whose prompts are there."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        for spec in asked.prompts():
            vectors = rng.normal(0, 0.1, (LENGTH, 128)).astype(np.float32)
            store.put(spec, Prompt(vectors, vectors, np.ones(LENGTH, dtype=bool)))
        with Stopwatch() as watch:
            outcome = fill(asked, store, stages=("measure",), device="cpu")
    if outcome.failed:
        raise RuntimeError(f"{len(outcome.failed)} cells failed")
    return watch.turn(outcome.n_made)
