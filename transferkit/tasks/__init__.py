"""Shelf. What a task is, and the tasks offered by name or by group; values only, nothing here loads data."""

from collections.abc import Iterable

from transferkit.errors import InputError, nearest
from transferkit.tasks.abuse import ABUSE, SPAM
from transferkit.tasks.base import Answer, CatalogueData, HubData, Label, LocalData, Sizes, Task
from transferkit.tasks.language import ACCEPTABILITY, QUESTION_TYPES, SUBJECTIVITY
from transferkit.tasks.lpt2022 import LPT2022
from transferkit.tasks.nli import NLI, QA_NLI
from transferkit.tasks.paraphrase import PARAPHRASE
from transferkit.tasks.qa import QA
from transferkit.tasks.sentiment import REVIEW_SENTIMENT, TWEET_SENTIMENT
from transferkit.tasks.su2022 import SU2022, SU2022_TEXTS
from transferkit.tasks.summarization import SUMMARIZATION
from transferkit.tasks.topic import TOPIC

__all__ = [
    "ABUSE",
    "ACCEPTABILITY",
    "GROUPS",
    "LPT2022",
    "NLI",
    "PARAPHRASE",
    "QA",
    "QA_NLI",
    "QUESTION_TYPES",
    "QUICKSTART",
    "REVIEW_SENTIMENT",
    "SENTIMENT",
    "SHARED_TEXTS",
    "SPAM",
    "SU2022",
    "SU2022_TEXTS",
    "SUBJECTIVITY",
    "SUMMARIZATION",
    "TASKS",
    "TOPIC",
    "TWEET_SENTIMENT",
    "Answer",
    "CatalogueData",
    "HubData",
    "Label",
    "LocalData",
    "Sizes",
    "Task",
    "expand",
    "find",
]

SENTIMENT = (*REVIEW_SENTIMENT, *TWEET_SENTIMENT)
QUICKSTART = (*REVIEW_SENTIMENT[:2], *TWEET_SENTIMENT, *TOPIC)

GROUPS: dict[str, tuple[Task, ...]] = {
    "quickstart": QUICKSTART,
    "sentiment": SENTIMENT,
    "review-sentiment": REVIEW_SENTIMENT,
    "tweet-sentiment": TWEET_SENTIMENT,
    "topic": TOPIC,
    "nli": NLI,
    "qa-nli": QA_NLI,
    "paraphrase": PARAPHRASE,
    "abuse": ABUSE,
    "spam": SPAM,
    "subjectivity": SUBJECTIVITY,
    "question-type": QUESTION_TYPES,
    "acceptability": ACCEPTABILITY,
    "qa": QA,
    "summarization": SUMMARIZATION,
    "su2022": SU2022,
    "su2022-texts": SU2022_TEXTS,
    "lpt2022": LPT2022,
}
"""Groups for the command line (``@name``). All are in the catalogue but these, which are on the hub: `lpt2022`,
`su2022`, `su2022-texts`, `summarization`."""

SHARED_TEXTS: tuple[frozenset[str], ...] = (
    frozenset({"rotten_tomatoes", "subjectivity_rt", "sst2", "lpt_sst2", "lpt_mr", "lpt_subj"}),
    frozenset({"disfl_para", "qnli_wiki", "qnli", "lpt_qnli", "squad"}),
    frozenset({"mnli", "lpt_mnli"}),
    frozenset({"mrpc", "lpt_mrpc"}),
    frozenset({"qqp", "lpt_qqp"}),
    frozenset({"multiemo_products", "multiemo_hotels"}),
    frozenset({"imdb", "imdb_full"}),
)
"""Tasks that share texts across their splits: transfer between two of one set is inflated, so study one of each."""


def _by_name(tasks: Iterable[Task]) -> dict[str, Task]:
    named: dict[str, Task] = {}
    for task in tasks:
        if named.setdefault(task.name, task) != task:
            raise InputError(f"two tasks are called {task.name!r}", fix="rename one of them")
    return named


TASKS: dict[str, Task] = _by_name(task for group in GROUPS.values() for task in group)


def find(name: str) -> Task:
    """Return the task of this name.

    Raises:
        InputError: there is none.
    """
    if name not in TASKS:
        raise InputError(f"there is no task {name!r}", fix=nearest(name, list(TASKS)))
    return TASKS[name]


def expand(names: Iterable[str]) -> tuple[Task, ...]:
    """Return the tasks named, ``@group`` standing for all of a group; each once, in the order of first mention.

    Raises:
        InputError: there is no such task or group.
    """
    tasks: dict[str, Task] = {}
    for name in names:
        group = name.removeprefix("@")
        if name.startswith("@") and group not in GROUPS:
            raise InputError(
                f"there is no group of tasks {name!r}", fix=nearest(name, [f"@{known}" for known in GROUPS])
            )
        tasks.update((task.name, task) for task in (GROUPS[group] if name.startswith("@") else (find(name),)))
    return tuple(tasks.values())
