"""Beside both halves. A checkout as a whole: its prompts, its scores, and what should be known about them.

A prompt without scores, or with scores but without a file, is no error; `Checkout.notes` says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from transferkit.errors import InputError
from transferkit.interop.su2022.folders import PROMPTS, RESULTS, find_roots
from transferkit.interop.su2022.found import FoundPrompt, FoundScore, Skipped
from transferkit.interop.su2022.names import known_tasks
from transferkit.interop.su2022.prompts import read_prompts
from transferkit.interop.su2022.scores import iter_scores
from transferkit.interop.su2022.tasks import MASKED, UNMASKED


@dataclass(frozen=True)
class Checkout:
    """What a checkout holds; prompts and scores are in the order of their names.

    Attributes:
        root: folder that holds `task_prompt_emb` and `result`.
        prompts: at most one per task and backbone.
        scores: at most one per cell and kind.
        skipped: what was not read.
        notes: what was read, or is absent, and should be known.
    """

    root: Path
    prompts: tuple[FoundPrompt, ...]
    scores: tuple[FoundScore, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()

    @property
    def backbones(self) -> tuple[str, ...]:
        """Suffixes of all backbones: those with scores first, then by name."""
        scored = {score.backbone for score in self.scores}
        return tuple(sorted(scored | {prompt.backbone for prompt in self.prompts}, key=lambda b: (b not in scored, b)))

    def targets(self, backbone: str) -> tuple[str, ...]:
        """Return the tasks that have any score on a backbone, by name."""
        return tuple(sorted({score.target for score in self.scores if score.backbone == backbone}))

    def tasks(self, backbone: str) -> tuple[str, ...]:
        """Return the tasks of a backbone's matrix, those that were a target or a source, by name."""
        sources = {source for source, _ in self._cells(backbone)}
        return tuple(sorted({*self.targets(backbone), *sources}))

    def _cells(self, backbone: str) -> set[tuple[str, str]]:
        return {
            (score.source_task, score.target)
            for score in self.scores
            if score.kind == "prompt" and score.backbone == score.source_backbone == backbone and score.source_task
        }

    def missing_cells(self, backbone: str) -> list[tuple[str, str]]:
        """Return (source, target) of each cell without a score in the square matrix over targets and sources."""
        present, tasks = self._cells(backbone), self.tasks(backbone)
        return [(s, t) for s in tasks for t in tasks if (s, t) not in present]


def read_checkout(path: Path, *, prompts: Sequence[str] = ()) -> Checkout:
    """Read all prompts and scores of a checkout.

    Args:
        path: the folder that holds `task_prompt_emb` and `result`, or its parent.
        prompts: folders below `task_prompt_emb` to take instead of the plain ones of their task and backbone.

    Raises:
        InputError: no checkout, or several; a chosen folder is not there, or two are of one task and backbone.
    """
    roots = find_roots(path)
    if len(roots) != 1:
        found = f"several: {', '.join(root.name for root in roots)}" if roots else f"no {PROMPTS} beside a {RESULTS}"
        raise InputError(f"{path}: {found}", fix="name the folder that holds both, such as Prompt-Transferability-1.0")
    known = known_tasks(roots[0])
    read = [*read_prompts(roots[0], prompts, known), *iter_scores(roots[0], known)]
    checkout = Checkout(
        root=roots[0],
        prompts=tuple(sorted((e for e in read if isinstance(e, FoundPrompt)), key=lambda p: (p.backbone, p.task))),
        scores=tuple(sorted((e for e in read if isinstance(e, FoundScore)), key=lambda s: s.file)),
        skipped=tuple(sorted((e for e in read if isinstance(e, Skipped)), key=lambda s: s.file)),
    )
    return replace(checkout, notes=tuple(_iter_notes(checkout)))


def _iter_notes(checkout: Checkout) -> Iterator[str]:
    for backbone in checkout.backbones:
        prompts = [prompt for prompt in checkout.prompts if prompt.backbone == backbone]
        with_prompt, targets = {prompt.task for prompt in prompts}, set(checkout.targets(backbone))
        if not backbone.startswith((*MASKED, *UNMASKED)):
            yield f"{backbone}: an unknown family; every row of its prompts is taken to be read"
        for prompt in prompts:
            if prompt.variant:
                yield f"{prompt.file}: a variant of {prompt.task}'s prompt ({prompt.variant})"
        if not targets:
            yield f"{backbone}: prompts, but no scores"
        elif alone := sorted(with_prompt - targets):
            yield f"{backbone}: prompts of tasks without scores as a target: {', '.join(alone)}"
        if bare := sorted(targets - with_prompt):
            yield f"{backbone}: targets without a prompt: {', '.join(bare)}"
        if targets and (missing := checkout.missing_cells(backbone)):
            yield f"{backbone}: {len(missing)} of {len(checkout.tasks(backbone)) ** 2} cells of the matrix are missing"
