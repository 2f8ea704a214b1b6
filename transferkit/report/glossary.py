"""Explaining. What the words of a report mean: every indicator by its formula, every statistic in a sentence."""

from __future__ import annotations

import inspect

from transferkit.indicators import BY_NAME
from transferkit.report.page import Section, Table
from transferkit.results import Results
from transferkit.tasks.base import TEXT_METRICS

TERMS = {
    "relative score": "score ÷ the target's own score",
    "chance-corrected score": "(score − random) ÷ (own − random): 0 is a random prompt, 1 the target's own",
    "group": "tasks of one type (sentiment, inference, …); an indicator that knows only this is called same group",
    "per target, per source, all cells": "one rank correlation per column, per row (means over those defined), or one "
    "over the whole matrix; always without the diagonal unless said",
    "p (Mantel)": "how often a random renaming of the tasks, of rows and columns alike, gives the indicator as high an "
    "agreement; one-sided",
    "q": "expected share of false ones among all findings at least as striking (Benjamini and Hochberg)",
    "given norms, given groups": "partial rank correlation: what is left once norm proxy or same group is known",
    "regret@k": "how far the best of an indicator's k favourite sources stays behind the best foreign source, in "
    "percent of that one's score",
    "floor": "value between prompts of the same row norms and random directions",
    "all rows": "the indicator takes in rows the backbone never reads; without it they are left out",
    "centred": "each prompt at unit norm, minus the mean of all: what all prompts share is gone",
    "change": "the prompt minus what it began from",
    "transfers, neutral, harms": "better than, not told from, or worse than random prompts, at a false-discovery "
    "rate of 5 %",
}

TEXT_TERMS = {
    "exact match, f1": "a written answer and the nearest right one, without case, punctuation and articles: whether "
    "they are equal; F1 of their words (SQuAD)",
    "rouge1, rouge2, rougeL": "F-measure of shared words, pairs of words, or the longest common sequence of words, "
    "stemmed; of several right answers the nearest counts",
}
GROWTH_TERMS = {
    "part, d50, w25": "a backbone of which half the blocks, or a quarter of the feed-forward neurons of each, are kept",
    "growing": "training the first steps on parts of the backbone, ever larger ones, and the rest on the whole",
    "plain": "training all steps on the whole backbone",
    "equal arithmetic": "beside the shortest plain training of the study that takes no fewer operations",
    "saved at the same score": "1 − what growing takes ÷ what plain training takes to get nine tenths of what plain "
    "training gains",
}
LEGAL_TERM = {
    "legal outputs": "answers that are possible at all: a label word where the backbone could have said anything; a "
    "text that is not empty and, where it should be copied from the input, stands in it",
}


def glossary_section(results: Results) -> Section:
    """Return the terms, and the indicators that were computed with their one-line definitions."""
    import pandas as pd

    here = {matrix.name for backbone in results.backbones for matrix in results.candidates(backbone)}
    found = {name: indicator for name, indicator in BY_NAME.items() if name in here}
    indicators = pd.DataFrame(
        [
            {
                "indicator": name.replace("_", " "),
                "meaning": (inspect.getdoc(type(indicator)) or "").split("\n\n")[0].replace("\n", " "),
                "direction": "no" if indicator.symmetric else "yes",
                "source": indicator.reference,
            }
            for name, indicator in found.items()
        ],
        columns=["indicator", "meaning", "direction", "source"],
    )
    words = TERMS | (TEXT_TERMS if set(results.task_table()["metric"]) & set(TEXT_METRICS) else {})
    words |= GROWTH_TERMS if results.growth.table()["is_grown"].any() else {}
    words |= LEGAL_TERM if results.own_scores()["legal"].notna().any() else {}
    terms = pd.DataFrame({"term": list(words), "meaning": list(words.values())})
    return Section(
        title="What the words mean",
        slug="words",
        parts=(
            Table(name="terms", title="Terms", caption="ARCHITECTURE.md says where each is computed.", frame=terms),
            Table(
                name="indicators",
                title="Indicators",
                caption="Direction: whether source → target may differ from target → source.",
                frame=indicators,
            ),
        ),
    )
