"""Tiny backbones and toy studies as files, for tests that go through the front door."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import torch
from tiny import make_tiny

# Several folders have a conftest, so the root one is named by its path.
_ROOT = importlib.util.spec_from_file_location("root_conftest", Path(__file__).parents[1] / "conftest.py")
_CONFTEST = importlib.util.module_from_spec(_ROOT)
_ROOT.loader.exec_module(_CONFTEST)
NEGATIVE, POSITIVE = _CONFTEST.NEGATIVE, _CONFTEST.POSITIVE

torch.set_num_threads(1)  # tiny models gain nothing from more

TAILS = ("the", "a", "it was", "very", "film", "food", "really", "not", ". the", "! it")
QUICK_RECIPE = "{ prompt_length = 3, steps = 6, evaluate_every = 2, batch_size = 8, learning_rate = 0.05 }"


def save_tiny(folder: Path, family: str = "bert", *, seed: int = 0) -> Path:
    """Save a random backbone as transformers does."""
    backbone = make_tiny(family, seed=seed)
    backbone.model.save_pretrained(folder)
    backbone.tokenizer.save_pretrained(folder)
    return folder


def write_reviews(path: Path, n_tails: int = len(TAILS)) -> Path:
    rows = ["text,label"]
    for tail in TAILS[:n_tails]:
        rows += [f'"{text} {tail}",pos' for text in POSITIVE] + [f'"{text} {tail}",neg' for text in NEGATIVE]
    path.write_text("\n".join(rows) + "\n")
    return path


TASK = """
[task.{name}]
data = "{data}"
[task.{name}.labels]
pos = {{ word = "{yes}", description = "a good film" }}
neg = {{ word = "{no}", description = "a bad film" }}
"""


def write_study(
    folder: Path, *backbones: Path, head: str = "", recipe: str = QUICK_RECIPE, tasks: tuple[str, ...] = ("toy",)
) -> Path:
    """Write a study of the user's own tasks on saved backbones."""
    write_reviews(folder / "reviews.csv")
    names = ", ".join(f'"{path}"' for path in backbones)
    lines = [f"backbones = [{names}]", "max_tokens = 32", "sizes = { train = 32, selection = 16, report = 20 }"]
    words = {"toy": ("good", "bad"), "other": ("great", "awful"), "third": ("nice", "terrible")}
    tables = [TASK.format(name=name, data="reviews.csv", yes=words[name][0], no=words[name][1]) for name in tasks]
    if "random_prompts" not in head:
        lines.append("random_prompts = 1")
    path = folder / "study.toml"
    path.write_text("\n".join([*lines, f"recipe = {recipe}", head, *tables]))
    return path


def environment() -> dict[str, str]:
    """One thread, no network: what byte-equal runs need."""
    fixed = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "error"}
    return {**os.environ, **fixed}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "transferkit", *map(str, arguments)]


def run_command(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), env=environment(), cwd=cwd, capture_output=True, text=True, timeout=120)


def contents(store: Path) -> dict[str, bytes]:
    """Return every file that may not depend on time or place."""
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.name != "meta.json"
    }
