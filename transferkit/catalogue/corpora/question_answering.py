"""Reading-comprehension sets: as they are, or as pairs (does this sentence answer the question, is it the same one).

The first kind of pair is that of QNLI (Wang et al. 2019). Both take the distractor from the same paragraph, the one
that shares most words, so that word overlap alone does not give the answer away.
"""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from transferkit.catalogue.corpora.bigbench import load_examples
from transferkit.catalogue.corpora.splitting import ANSWERS, PASSAGE, Raw, Row, letters, reported_passages, words

SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+(?=[A-Z\"'(\[])")
PASSAGE_LENGTH = 80
CONTEXT_LENGTH = 200
SQUAD = "squad_shifts/squaddev_v1.1.json"
NEW_WIKI = "squad_shifts/new_wiki_v1.0.json"
NYT = "squad_shifts/nyt_v1.0.json"


def load_qnli_wiki(folder: Path) -> Raw:
    """Return pairs from encyclopedia articles."""
    return _load_qnli(folder / SQUAD)


def load_qnli_newwiki(folder: Path) -> Raw:
    """Return pairs from newer encyclopedia articles."""
    return _load_qnli(folder / NEW_WIKI)


def load_qnli_nyt(folder: Path) -> Raw:
    """Return pairs from newspaper articles."""
    return _load_qnli(folder / NYT)


def load_squad_newwiki(folder: Path) -> Raw:
    """Return questions on newer encyclopedia articles, with paragraph and answers."""
    return _load_squad(folder / NEW_WIKI)


def load_squad_nyt(folder: Path) -> Raw:
    """Return questions on newspaper articles, with paragraph and answers."""
    return _load_squad(folder / NYT)


def load_disfl_para(folder: Path) -> Raw:
    """Return a question with slips of the tongue beside the question meant, or another one on its paragraph."""
    paragraphs = {letters(p["context"])[:CONTEXT_LENGTH]: p["qas"] for p in _iter_paragraphs(folder / SQUAD)}
    rows: list[Row] = []
    for text, target in load_examples(folder / "disfl_qa/task.json"):
        spoken, _, context = text.partition("context:")
        questions = paragraphs.get(letters(context)[:CONTEXT_LENGTH], [])
        if not questions or "# VALUE" in spoken:
            continue
        answer = target[0] if isinstance(target, list) else target
        meant, other = _meant_and_other(spoken, answer, questions)
        if meant is None or other is None:
            continue
        is_same = random.Random(len(rows) + 1).random() < 0.5  # noqa: S311 (not for secrets)
        rows.append(
            {
                "sentence1": spoken,
                "sentence2": meant if is_same else other,
                "label": "same" if is_same else "different",
                PASSAGE: letters(context)[:PASSAGE_LENGTH],
            }
        )
    return Raw(rows)


def _meant_and_other(spoken: str, answer: str, questions: list[dict]) -> tuple[str | None, str | None]:
    """Return the question meant (same answer, best covered by the words spoken) and the best covered other one."""
    said = words(spoken)

    def covered(question: dict) -> float:
        asked = words(question["question"])
        return len(asked & said) / max(1, len(asked))

    ranked = sorted(questions, key=covered, reverse=True)
    meant = next((q for q in ranked if any(letters(a["text"]) == letters(answer) for a in q["answers"])), None)
    if meant is None:
        return None, None
    other = next((q["question"] for q in ranked if q["id"] != meant["id"]), None)
    return meant["question"], other


def _load_qnli(path: Path) -> Raw:
    generator = random.Random(0)  # noqa: S311 (not for secrets)
    rows = []
    for paragraph in _iter_paragraphs(path):
        context = paragraph["context"]
        sentences = [part for part in SENTENCE_END.split(context) if part.strip()]
        if len(sentences) < 2:
            continue
        starts = _starts(context, sentences)
        for question in paragraph["qas"]:
            pair = _sentence_and_distractor(question, sentences, starts)
            if pair is None:
                continue
            is_answer = generator.random() < 0.5
            rows.append(
                {
                    "sentence1": question["question"],
                    "sentence2": pair[0] if is_answer else pair[1],
                    "label": "answers" if is_answer else "not",
                    PASSAGE: context[:PASSAGE_LENGTH],
                }
            )
    return Raw(rows)


def _load_squad(path: Path) -> Raw:
    """Return every question with its paragraph, which is reported where the pairs made of it are."""
    rows: list[Row] = [
        {
            "question": question["question"],
            "context": paragraph["context"],
            ANSWERS: [answer["text"] for answer in question["answers"]],
            PASSAGE: paragraph["context"][:PASSAGE_LENGTH],
        }
        for paragraph in _iter_paragraphs(path)
        for question in paragraph["qas"]
    ]
    return Raw(rows, reported=reported_passages(_load_qnli(path)))


def _sentence_and_distractor(question: dict, sentences: list[str], starts: list[int]) -> tuple[str, str] | None:
    """Return the sentence of the first answer and, among those without it, the one sharing most words."""
    answer = question["answers"][0]
    at = max((i for i, start in enumerate(starts) if start <= answer["answer_start"]), default=0)
    if answer["text"] not in sentences[at]:
        return None
    others = [s for i, s in enumerate(sentences) if i != at and answer["text"].lower() not in s.lower()]
    if not others:
        return None
    asked = words(question["question"])
    return sentences[at], max(others, key=lambda sentence: len(asked & words(sentence)))


def _starts(context: str, sentences: list[str]) -> list[int]:
    starts: list[int] = []
    end = 0
    for sentence in sentences:
        starts.append(context.index(sentence, end))
        end = starts[-1] + len(sentence)
    return starts


def _iter_paragraphs(path: Path) -> Iterator[dict]:
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        yield from article["paragraphs"]
