"""Answering a question: with words of the text given, or from memory.

The two of the catalogue are cut into parts as their siblings in `nli.py` are, whose sentences stand in the same
paragraphs: no paragraph one of them reports on is trained on in another. Texts are long, and a study's `max_tokens`
decides how much of them is read: at 384 few answers are cut off.
"""

from transferkit.tasks.base import Answer, HubData, Task
from transferkit.tasks.packaged import packaged

_SPAN = Answer(column="answers", kind="extractive", max_new_tokens=20)


def _squad(name: str) -> Task:
    return Task(
        name=name,
        source=packaged(name),
        inputs=("question", "context"),
        answer=_SPAN,
        completion_template="question: {question} context: {context} answer:",
        metric="f1",
        group="qa",
        max_tokens=384,
    )


SQUAD_NEWWIKI = _squad("squad_newwiki")
SQUAD_NYT = _squad("squad_nyt")

SQUAD = Task(
    name="squad",
    source=HubData(dataset="rajpurkar/squad", config="plain_text"),
    inputs=("question", "context"),
    answer=_SPAN,
    completion_template="question: {question} context: {context}",
    metric="f1",
    group="qa",
    max_tokens=384,
)
NQ_OPEN = Task(
    name="nq_open",
    source=HubData(dataset="google-research-datasets/nq_open"),
    inputs=("question",),
    answer=Answer(column="answer", kind="free", max_new_tokens=20),
    completion_template="context: {question}",
    metric="exact_match",
    group="qa",
)

QA = (SQUAD_NEWWIKI, SQUAD_NYT)
