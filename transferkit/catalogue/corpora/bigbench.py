"""Tasks of BIG-bench that are plain classification: sentiment, inference, metaphors, kinds of question.

Every file asks, by a canary string, never to enter training corpora of language models; `load_canary` hands it on to
whatever is built from it.
"""

import json
import re
from pathlib import Path

from transferkit.catalogue.corpora.splitting import PASSAGE, Raw
from transferkit.errors import StoreError

INFERENCE = {"True": "entailment", "False": "contradiction", "Neither": "neutral"}
PREMISE = re.compile(r"Premise: (.*) Hypothesis: (.*)$", re.DOTALL)
PARAPHRASE = {"True": "paraphrase", "False": "not"}
QUESTION_KINDS = {
    "Date": "date",
    "Entity": "entity",
    "Event": "event",
    "Humans": "human",
    "Location": "location",
    "Quantity": "quantity",
}
QUESTION_START = re.compile(r"^Question:\s*")
GOLD_ANSWER = re.compile(r"\s*\(Answer:.*\)\.?\s*$", re.DOTALL)


def load_canary(folder: Path) -> str:
    """Return the canary string of the collection."""
    return str(json.loads((folder / "epistemic_reasoning/task.json").read_text(encoding="utf-8"))["canary"])


def load_examples(path: Path) -> list[tuple[str, str | list[str]]]:
    """Return each input with its target, or with its best-scored option."""
    examples = json.loads(path.read_text(encoding="utf-8"))["examples"]
    return [(example["input"], _target(example)) for example in examples]


def load_multiemo_products(folder: Path) -> Raw:
    """Return translated sentences of product reviews, the clearly positive and negative ones."""
    return _load_multiemo(folder / "multiemo/products_sentence_en/task.json")


def load_multiemo_hotels(folder: Path) -> Raw:
    """Return translated sentences of hotel reviews, the clearly positive and negative ones."""
    return _load_multiemo(folder / "multiemo/hotels_sentence_en/task.json")


def load_vitaminc(folder: Path) -> Raw:
    """Return evidence and claim; rows of one encyclopedia page share the passage."""
    rows = []
    for text, target in load_examples(folder / "vitaminc_fact_verification/task.json"):
        evidence, _, claim = text.rpartition("\nClaim:")
        page = evidence.split(":")[0]
        rows.append({"sentence1": evidence, "sentence2": claim, "label": INFERENCE[str(target)], PASSAGE: page})
    return Raw(rows)


def load_epistemic_nli(folder: Path) -> Raw:
    """Return premise and hypothesis about what people believe.

    Raises:
        StoreError: an example has another form.
    """
    rows = []
    for text, target in load_examples(folder / "epistemic_reasoning/task.json"):
        parts = PREMISE.match(text)
        if parts is None:
            raise StoreError(
                "epistemic_reasoning: an example has no premise", fix="report this: the file is not the known one"
            )
        rows.append({"sentence1": parts[1], "sentence2": parts[2], "label": str(target)})
    return Raw(rows)


def load_metaphor_para(folder: Path) -> Raw:
    """Return a metaphor and a plain sentence that means the same, or not."""
    rows = []
    for text, target in load_examples(folder / "metaphor_boolean/task.json"):
        metaphor, _, plain = text.partition("<-->")
        rows.append({"sentence1": metaphor, "sentence2": plain, "label": PARAPHRASE[str(target)]})
    return Raw(rows)


def load_question_type(folder: Path) -> Raw:
    """Return questions, without the gold answer, with what they ask for; those with two kinds are left out."""
    path = folder / "natural_instructions/subtask046_miscellaenous_question_typing/task.json"
    rows = []
    for text, target in load_examples(path):
        kinds = [kind.strip(" .") for kind in (target if isinstance(target, list) else [target])]
        if len(kinds) == 1 and kinds[0] in QUESTION_KINDS:
            question = QUESTION_START.sub("", GOLD_ANSWER.sub("", text))
            rows.append({"text": question, "label": QUESTION_KINDS[kinds[0]]})
    return Raw(rows)


def _load_multiemo(path: Path) -> Raw:
    examples = load_examples(path)
    return Raw(
        [{"text": text, "label": str(target)} for text, target in examples if target in ("positive", "negative")]
    )


def _target(example: dict) -> str | list[str]:
    if scores := example.get("target_scores"):
        return max(scores, key=scores.__getitem__)
    return example["target"]
