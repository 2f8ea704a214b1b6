"""The state of unfinished training on disk: one file, replaced at once, read back bit for bit.

Prompts that share passes share the file too, so that a killed run goes on with all of them at the same step.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from transferkit.artifacts import Cell
from transferkit.errors import StoreError

if TYPE_CHECKING:
    from transferkit.prompts.runs import Run

FILE = "training.safetensors"
FACTS = {"step", "stale", "best_rank", "best_classes", "history", "seconds", "step_seconds", "cpu_seconds", "optimizer"}
LATER = {"cpu_seconds", "step_seconds"}  # older versions did not note them
KEPT = ("vectors", "best", "early")


def save(path: Path, runs: Mapping[str, "Run"]) -> None:
    """Replace the saved state by that of some runs, by key, random generators included.

    Raises:
        StoreError: the disk is full or cannot be written; the state before stays.
    """
    tensors, facts = {"random.cpu": torch.get_rng_state()}, {}
    device = next(iter(runs.values())).vectors.device
    for name_of_run, run in runs.items():
        moments, numbers = _split(run.optimizer.state_dict()["state"].get(0, {}))
        kept = {name: value.detach() for name in KEPT if (value := getattr(run, name)) is not None}
        kept |= {f"optimizer.{name}": value for name, value in moments.items()}
        tensors |= {f"{name_of_run}.{name}": value for name, value in kept.items()}
        facts[name_of_run] = {name: getattr(run, name) for name in FACTS - {"optimizer"}} | {"optimizer": numbers}
    if device.type == "cuda":
        tensors["random.cuda"] = torch.cuda.get_rng_state(device)
    partial = path.with_name(f"{path.name}.partial")
    try:
        save_file({name: t.contiguous().cpu() for name, t in tensors.items()}, partial, {"facts": json.dumps(facts)})
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise StoreError(
            f"{path.parent}: cannot be written ({error})", fix="free disk space, then run it again"
        ) from error


def load(path: Path, runs: Mapping[str, "Run"]) -> set[str]:
    """Put saved states back into runs that have just begun; return the keys of those that a state was found for."""
    found: set[str] = set()
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        for key, run in runs.items():
            own = {name.removeprefix(f"{key}."): value for name, value in tensors.items() if name.startswith(f"{key}.")}
            if key in facts and set(facts[key]) | LATER == FACTS and own["vectors"].shape == run.vectors.shape:
                _restore(run, own, facts[key])
                found.add(key)
        if found:
            _restore_random(tensors, next(iter(runs.values())).vectors.device)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):  # absent, or not ours: begin anew
        return found
    return found


def _restore_random(tensors: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and device.type == "cuda":
        torch.cuda.set_rng_state(tensors["random.cuda"], device)


def _restore(run: "Run", tensors: dict[str, Tensor], facts: dict) -> None:
    device = run.vectors.device
    with torch.no_grad():
        run.vectors.copy_(tensors["vectors"])
    run.best = tensors["best"].to(device)
    run.early = tensors["early"].to(device) if "early" in tensors else None
    run.step, run.stale, run.best_classes = facts["step"], facts["stale"], facts["best_classes"]
    run.best_rank = (facts["best_rank"][0], facts["best_rank"][1])
    run.history = [_noted(look) for look in facts["history"]]
    run.seconds, run.step_seconds = facts["seconds"], facts.get("step_seconds", [])
    run.cpu_seconds = run.cpu_seconds_before = facts.get("cpu_seconds", 0.0)
    moments = {name.removeprefix("optimizer."): t for name, t in tensors.items() if name.startswith("optimizer.")}
    whole = run.optimizer.state_dict()
    run.optimizer.load_state_dict({**whole, "state": {0: {**moments, **facts["optimizer"]}}})


def _noted(look: dict[str, Cell]) -> dict[str, Cell]:
    """Return a look at a prompt with what older versions did not note left blank."""
    return look | {"gflop": look.get("gflop")} if "prompt_norm" in look else look


def _split(state: dict[str, object]) -> tuple[dict[str, Tensor], dict[str, object]]:
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    return tensors, {name: value for name, value in state.items() if name not in tensors}
