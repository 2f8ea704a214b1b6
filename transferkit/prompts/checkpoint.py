"""The state of an unfinished training run on disk: one file, replaced at once, read back bit for bit."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from transferkit.errors import StoreError

if TYPE_CHECKING:
    from transferkit.prompts.training import Run

FILE = "training.safetensors"
FACTS = {"step", "stale", "best_rank", "best_classes", "history", "seconds", "optimizer"}


def save(folder: Path, run: "Run") -> None:
    """Replace the saved state by that of a run, random generators included.

    Raises:
        StoreError: the disk is full or cannot be written; the state before stays.
    """
    moments, numbers = _split(run.optimizer.state_dict()["state"].get(0, {}))
    tensors = {
        "vectors": run.vectors.detach(),
        "best": run.best,
        "random.cpu": torch.get_rng_state(),
        **{f"optimizer.{name}": value for name, value in moments.items()},
    }
    if run.early is not None:
        tensors["early"] = run.early
    if run.vectors.is_cuda:
        tensors["random.cuda"] = torch.cuda.get_rng_state(run.vectors.device)
    facts = {
        "step": run.step,
        "stale": run.stale,
        "best_rank": run.best_rank,
        "best_classes": run.best_classes,
        "history": run.history,
        "seconds": run.seconds,
        "optimizer": numbers,
    }
    partial = folder / f"{FILE}.partial"
    try:
        save_file({name: t.contiguous().cpu() for name, t in tensors.items()}, partial, {"facts": json.dumps(facts)})
        partial.replace(folder / FILE)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise StoreError(f"{folder}: cannot be written ({error})", fix="free disk space, then run it again") from error


def load(folder: Path, run: "Run") -> bool:
    """Put a saved state back into a run that has just begun; False when there is none to go on from."""
    try:
        with safe_open(folder / FILE, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        if tensors["vectors"].shape != run.vectors.shape or set(facts) != FACTS:
            return False
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):  # absent, or not ours: begin anew
        return False
    device = run.vectors.device
    with torch.no_grad():
        run.vectors.copy_(tensors["vectors"])
    run.best = tensors["best"].to(device)
    run.early = tensors["early"].to(device) if "early" in tensors else None
    run.step, run.stale = facts["step"], facts["stale"]
    run.best_rank = (facts["best_rank"][0], facts["best_rank"][1])
    run.best_classes = facts["best_classes"]
    run.history, run.seconds = facts["history"], facts["seconds"]
    moments = {name.removeprefix("optimizer."): t for name, t in tensors.items() if name.startswith("optimizer.")}
    whole = run.optimizer.state_dict()
    run.optimizer.load_state_dict({**whole, "state": {0: {**moments, **facts["optimizer"]}}})
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"], device)
    return True


def _split(state: dict[str, object]) -> tuple[dict[str, Tensor], dict[str, object]]:
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    return tensors, {name: value for name, value in state.items() if name not in tensors}
