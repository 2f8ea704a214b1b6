"""The frame holds: imports point one way, nothing heavy loads early, everything public says what it is."""

import ast
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import transferkit

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "transferkit"
SOURCES = sorted(PACKAGE.rglob("*.py"))
HALVES = ("Shelf. ", "Making. ", "Explaining. ", "Beside both halves. ")
HEAVY = ("torch", "transformers", "datasets", "sklearn", "pandas", "matplotlib", "seaborn", "ray")
HELP_SECONDS = 0.5


def imported_by(statement: str) -> set[str]:
    """Return the top-level packages a fresh interpreter holds after a statement."""
    code = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


# --- imports ---------------------------------------------------------------------------------------------------------
def test_contracts_are_kept() -> None:
    """The layers, and the three laws behind them; the message shows each chain that breaks one."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["transferkit", "transferkit.cli"])
def test_front_door_loads_nothing_heavy(name: str) -> None:
    assert not imported_by(f"import {name}") & set(HEAVY)


def test_explaining_half_loads_no_torch() -> None:
    names = ("report", "results", "figures", "indicators", "statistics", "matrices")
    loaded = imported_by("\n".join(f"import transferkit.{name}" for name in names))
    assert not loaded & {"torch", "transformers", "datasets", "ray"}


def test_public_names_are_found() -> None:
    assert all(getattr(transferkit, name) is not None for name in transferkit.__all__)


# --- words -----------------------------------------------------------------------------------------------------------
def public_things(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """Yield the public classes, functions and methods of a module with their docstrings."""
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
            yield node.name, ast.get_docstring(node)
            methods = node.body if isinstance(node, ast.ClassDef) else []
            for inner in methods:
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", ast.get_docstring(inner)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_everything_public_is_documented(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path}: no module docstring"
    assert not [name for name, said in public_things(tree) if not said]


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if path.name == "__init__.py" and path.parent != PACKAGE],
    ids=lambda path: path.parent.relative_to(ROOT).as_posix(),
)
def test_package_says_which_part_it_belongs_to(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert said.startswith(HALVES), said.splitlines()[:1]


# --- start-up --------------------------------------------------------------------------------------------------------
def help_seconds() -> float:
    """Return the CPU time one `--help` takes, in this process's children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "transferkit", "--help"],
        capture_output=True,
        check=True,
        cwd=ROOT,
        # Coverage measured in a child would be timed too.
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def test_help_is_quick() -> None:
    """Best of a few, for the first run may compile byte code and a busy machine is slow."""
    taken: list[float] = []
    while len(taken) < 3 or (len(taken) < 6 and min(taken) >= HELP_SECONDS):
        taken.append(help_seconds())
    assert min(taken) < HELP_SECONDS, taken
