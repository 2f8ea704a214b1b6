"""Saying a text in fewer words, read from the Hugging Face hub: a messenger dialogue, a news story."""

from transferkit.tasks.base import Answer, HubData, Task

SAMSUM = Task(
    name="samsum",
    source=HubData(dataset="knkarthick/samsum"),
    inputs=("dialogue",),
    answer=Answer(column="summary", kind="free", max_new_tokens=50),
    completion_template="context: {dialogue}",
    metric="rougeL",
    group="summarization",
    max_tokens=384,
)
XSUM = Task(
    name="xsum",
    source=HubData(dataset="EdinburghNLP/xsum", revision="refs/convert/parquet"),
    inputs=("document",),
    answer=Answer(column="summary", kind="free", max_new_tokens=64),
    completion_template="summarize: {document}",
    metric="rougeL",
    group="summarization",
    max_tokens=512,
)

SUMMARIZATION = (SAMSUM, XSUM)
