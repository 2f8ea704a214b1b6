"""Explaining. The default report: one section per kind of thing the store holds, in the order a reader asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from transferkit.collection import Collection
from transferkit.report.cards import card_section, cards
from transferkit.report.cell_sections import cell_section, foreign_section, verdict_counts
from transferkit.report.choosing_sections import choosing_section
from transferkit.report.glossary import glossary_section
from transferkit.report.growth_sections import growth_section, growth_sentences
from transferkit.report.layer_sections import depth_sentence, layer_section
from transferkit.report.neuron_sections import neuron_section
from transferkit.report.page import Report, Section
from transferkit.report.predictor_sections import (
    LEVEL,
    baseline_of,
    best_of,
    predictor_section,
    predictor_sentence,
)
from transferkit.report.projection_sections import projection_section
from transferkit.report.projection_words import projection_sentences
from transferkit.report.score_sections import cross_model_section, group_medians, own_section, transfer_section
from transferkit.report.shelf_sections import (
    import_section,
    inventory_section,
    missing_section,
    provenance_section,
    training_section,
)
from transferkit.report.similarity_sections import prompt_section
from transferkit.report.start_sections import start_section, start_sentence
from transferkit.report.words import entry_of, examples_of, percent, points, seeds_of, signed
from transferkit.results import Results

if TYPE_CHECKING:
    import pandas as pd

Chapter = Callable[[Results], Sequence[Section]]
MOST_NAMED = 3
AGREEMENT = {"form": "score", "rho": "spearman", "n_cells": "n"}
AGREEMENT_COLUMNS = ("backbone", "indicator", "grouping", "diagonal", "score", "spearman", "p", "n")


def build(results: Results, chapters: Sequence[Chapter] = ()) -> Report:
    """Return the default report of a study or a collection; sections without anything to show are left out.

    Args:
        results: what to report.
        chapters: analyses whose sections come first.
    """
    data = tables_of(results)
    first = [section for chapter in chapters for section in chapter(results)]
    rest = (
        own_section(results),
        transfer_section(results),
        cell_section(results),
        foreign_section(results),
        cross_model_section(results),
        predictor_section(results),
        choosing_section(results),
        prompt_section(results),
        neuron_section(results),
        layer_section(results),
        projection_section(results),
        start_section(results),
        growth_section(results),
        training_section(results),
        card_section(results),
        inventory_section(results),
        import_section(results),
        missing_section(results),
        glossary_section(results),
        provenance_section(results, tuple(f"tables/{name}.csv" for name in data)),
    )
    study = results.study
    title = study.title if isinstance(study, Collection) else f"Prompt transfer: {study.name}"
    groups = {group for backbone in results.backbones for group in results.transfer(backbone).source_groups}
    return Report(
        title=title,
        sections=(*first, *(section for section in rest if section is not None)),
        headline=tuple([*trial(results), *headline(results)]),
        facts={
            "backbones": ", ".join(results.backbones),
            "tasks": f"{len(results.tasks)} in {len(groups)} group{'s' if len(groups) != 1 else ''}",
            "prompts": ", ".join(filter(None, [seeds_of(results), entry_of(results)])),
            "scores": examples_of(results),
            "missing": f"{len(results.missing())} artifacts" if results.missing() else "nothing",
        },
        data=data,
        cards=cards(results),
    )


def tables_of(results: Results) -> dict[str, pd.DataFrame]:
    """Return the tables other programs read: agreement, regret, and one transfer matrix per backbone."""
    import pandas as pd

    backbones = [b for b in results.backbones if (results.transfer(b).states != "not_applicable").any()]
    if not backbones:
        return {}
    agreements = [results.agreements(b).rename(columns=AGREEMENT).assign(backbone=b) for b in backbones]
    regrets = [results.regrets(b).assign(backbone=b) for b in backbones]
    found = {
        "agreement": pd.concat(agreements)[list(AGREEMENT_COLUMNS)],
        "regret": pd.concat(regrets)[["backbone", "indicator", "k", "regret", "hits", "n_targets"]],
    }
    for backbone in backbones:
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", backbone)
        found[f"transfer_{name}"] = results.transfer(backbone).to_frame().reset_index()
    return found


def trial(results: Results) -> list[str]:
    """Return a warning where the study scored fewer examples than it was made for."""
    limit = getattr(results.study, "limit", None)
    return [] if limit is None else [f"TRIAL: at most {limit} examples per task were scored. Not for a paper."]


def headline(results: Results) -> list[str]:
    """Return the most interesting findings in plain words; fewer where a store cannot say."""
    said = (
        _gain(results),
        _transfer(results),
        _prediction(results),
        depth_sentence(results),
        start_sentence(results),
        *projection_sentences(results),
        *growth_sentences(results),
    )
    return [sentence for sentence in said if sentence is not None]


def _gain(results: Results) -> str | None:
    own = results.own_scores().dropna(subset=["difference"])
    if own.empty:
        return None
    mean = points(float(own["difference"].mean()))
    if own["low"].isna().all():
        return (
            f"A trained prompt scores {mean} points above the better of a random prompt and guessing, on average over "
            f"{len(own)} tasks."
        )
    above = int((own["low"] > 0).sum())
    where = "tasks" if len(results.backbones) == 1 else "pairs of task and backbone"
    return (
        f"A trained prompt beats the best baseline on {above} of {len(own)} {where} (95 % interval above zero); the "
        f"mean gain over all of them is {mean} points."
    )


def _transfer(results: Results) -> str | None:
    tested = [cells for backbone in results.backbones if not (cells := results.cell_tests(backbone)).empty]
    if not tested:
        return _kept(results)
    counts = [verdict_counts(cells) for cells in tested]
    said = []
    for where, words in (("within", "on another task of its group"), ("across", "across groups")):
        better, worse, n = (sum(count[where][i] for count in counts) for i in range(3))
        if n:
            said.append(f"{words} in {better} of {n} cells, and is worse in {worse}")
    if not said:
        return None
    return f"Untrained on the target, a prompt beats random ones {'; '.join(said)} (false-discovery rate 5 %)."


def _kept(results: Results) -> str | None:
    medians = [group_medians(results.chance_corrected(backbone)) for backbone in results.backbones]
    same, other = ([m[i] for m in medians if m[i] is not None] for i in (0, 1))
    if not same or not other:
        return None
    same, other = (percent(float(np.mean(np.array(values)))) for values in (same, other))
    return (
        f"Used on another task of its group, a prompt keeps {same} of what the task's own prompt gains over a random "
        f"one; across groups {other} (medians over cells)."
    )


def _prediction(results: Results) -> str | None:
    known = [b for b in results.backbones if results.predictors(b)["rho"].notna().any()]
    if len(known) == 1:
        return predictor_sentence(results, known[0])
    said = []
    for backbone in known[:MOST_NAMED]:
        table = results.predictors(backbone)
        best = best_of(table)
        if best is not None:
            name, same = str(best["indicator"]).replace("_", " "), signed(baseline_of(table))
            unsure = ", not tested" if np.isnan(best["q"]) else "" if best["q"] <= LEVEL else ", not told from chance"
            said.append(f"{name} {signed(best['rho'])}{unsure}, groups alone {same} ({backbone})")
    more = f"; {len(known) - MOST_NAMED} more backbones below" if len(known) > MOST_NAMED else ""
    return (
        f"Best guesses at which sources help a target, Spearman per target: {'; '.join(said)}{more}." if said else None
    )
