"""A made-up checkout of Su et al.'s repository: five backbones, four tasks in two groups, and what a real one lacks."""

import json
import zlib
from pathlib import Path
from unittest import mock

import numpy as np
import torch

P, D = 6, 8
GROUPS = {"IMDB": "sentiment", "SST2": "sentiment", "MNLI": "nli", "snli": "nli"}
TASKS = tuple(sorted(GROUPS, key=lambda task: (GROUPS[task], task)))  # the order of every matrix
SCORED = ("Roberta", "RobertaLarge", "T5", "T5Small")  # Bert has prompts alone
HOLE = ("IMDB", "MNLI")  # source and target, on Roberta: no file
BROKEN = ("snli", "SST2")  # on Roberta: no JSON
ODD = "snli"  # on T5Small: a prompt of another shape
WITHOUT_RANDOM = "RobertaLarge"
VARIANT = "IMDBPromptRobertaLarge_125"


def generator_of(*parts: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32("|".join(parts).encode()))


def vectors_of(task: str, backbone: str, rows: int = P, extra: str = "") -> np.ndarray:
    """Rows near to those of the task's group."""
    towards = generator_of("group", GROUPS.get(task, task), backbone).normal(size=(rows, D))
    return (towards + 0.5 * generator_of("task", task, backbone, extra).normal(size=(rows, D))).astype(np.float32)


def score_of(source: str, target: str, backbone: str) -> float:
    """Higher for the own task, and for the own group; the last digits tell every cell from the others."""
    skill = 0.85 if source == target else 0.7 if GROUPS.get(source) == GROUPS.get(target) else 0.55
    return round(skill + 0.04 * generator_of("score", source, target, backbone).random(), 4)


def random_of(target: str, backbone: str) -> float:
    return round(0.45 + 0.05 * generator_of("random", target, backbone).random(), 4)


def written(root: Path, file: str) -> float:
    """The number a file of a checkout holds."""
    return json.loads(json.loads((root / file).read_text()))["acc"]


def tasks_of(backbone: str) -> tuple[str, ...]:
    return (*TASKS, "squad") if backbone == "T5" else TASKS


def write_prompt(root: Path, folder: str, vectors: np.ndarray) -> Path:
    path = root / "task_prompt_emb" / folder / "task_prompt"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(torch.from_numpy(vectors), path)
    return path


def write_score(root: Path, target: str, name: str, value: float) -> Path:
    path = root / "result" / target / f"result_{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(json.dumps({"acc": value})))  # upstream writes JSON into JSON
    return path


def write_square(root: Path, backbone: str, *, prompts: bool = True) -> None:
    """Write every prompt and every cell of one backbone."""
    for source in tasks_of(backbone):
        if prompts:
            write_prompt(root, f"{source}Prompt{backbone}", vectors_of(source, backbone))
        for target in tasks_of(backbone):
            value = score_of(source, target, backbone)
            write_score(root, f"{target}Prompt{backbone}", f"{source}Prompt{backbone}", value)


def write_checkout(root: Path) -> Path:
    """Write a checkout with a hole, a broken score, an odd prompt, a variant, and prompts of other backbones."""
    for backbone in SCORED:
        write_square(root, backbone)
        for target in tasks_of(backbone):
            if backbone != WITHOUT_RANDOM:
                write_score(root, f"{target}Prompt{backbone}", "random", random_of(target, backbone))
    for task in TASKS:
        write_prompt(root, f"{task}PromptBert", vectors_of(task, "Bert"))
    for task in ("IMDB", "snli"):
        write_score(root, f"{task}PromptRoberta", f"{task}PromptBert", 0.51)
        write_score(root, f"{task}PromptRoberta", f"{task}PromptT5XXL", 0.52)
        write_score(root, f"{task}PromptRoberta", f"model_transfer_{task}PromptT5", 0.61)
    result = root / "result"
    (result / f"{HOLE[1]}PromptRoberta/result_{HOLE[0]}PromptRoberta.json").unlink()
    (result / f"{BROKEN[1]}PromptRoberta/result_{BROKEN[0]}PromptRoberta.json").write_text('"{\\"acc')
    write_prompt(root, f"{ODD}PromptT5Small", vectors_of(ODD, "T5Small", rows=P - 1))
    write_prompt(root, VARIANT, vectors_of("IMDB", "RobertaLarge", extra="125"))
    return root


def unhurried() -> mock._patch:
    """Write to disk without waiting for it: hundreds of small files, none worth keeping."""
    return mock.patch("os.fsync")
