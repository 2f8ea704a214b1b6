"""Beside both halves. What does the name of a folder or result say? Task, backbone, and more for a variant.

A folder's name may say more than task and backbone, behind it (`…PromptRobertaLarge_125`), before it
(`IMDB_base_nliPrompt…`) or by where it lies (`RobertaLarge_from_chimin/…`): a *variant*.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from transferkit.interop.su2022.folders import RESULTS
from transferkit.interop.su2022.tasks import GROUPS

NAME = re.compile(r"(?P<task>[A-Za-z0-9][A-Za-z0-9_.\-]*?)Prompt(?P<backbone>[A-Z][A-Za-z0-9]*)(?:_(?P<variant>.+))?")


@dataclass(frozen=True)
class Name:
    """What the name of a folder or result says: `{task}Prompt{backbone}`, and more words for a variant."""

    task: str
    backbone: str
    variant: str | None
    is_plain_task: bool

    @property
    def is_random(self) -> bool:
        """Whether it names a random prompt, which is of no task."""
        return self.task.lower().startswith("random")


def known_tasks(root: Path) -> frozenset[str]:
    """Return the paper's tasks and those with a folder of results: names that need no taking apart."""
    folders = (NAME.fullmatch(folder.name) for folder in (root / RESULTS).iterdir() if folder.is_dir())
    return frozenset(GROUPS) | {match["task"] for match in folders if match}


def parse(text: str, known: frozenset[str]) -> Name | None:
    """Take a name apart, with the tasks known as they are; None if it is not of that form."""
    match = NAME.fullmatch(text)
    if not match:
        return None
    task, more = match["task"], ""
    owners = [name for name in known if task.startswith(f"{name}_")]
    if task not in known and owners:
        owner = min(owners, key=len)
        task, more = owner, task[len(owner) + 1 :]
    words = [part for part in (more, match["variant"]) if part]
    return Name(task, match["backbone"], "_".join(words) or None, is_plain_task=not more)
