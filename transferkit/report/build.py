"""Explaining. The default report: one section per kind of thing the store holds, in the order a reader asks."""

from __future__ import annotations

import numpy as np

from transferkit.report.page import Report
from transferkit.report.score_sections import cross_model_section, group_means, own_section, transfer_section
from transferkit.report.shelf_sections import inventory_section, missing_section, provenance_section, training_section
from transferkit.report.similarity_sections import (
    agreement_section,
    best_indicator,
    count_tried,
    neuron_section,
    prompt_section,
)
from transferkit.report.words import examples_of, percent, points, seeds_of, signed
from transferkit.results import Results


def build(results: Results) -> Report:
    """Return the default report of a study; sections without anything to show are left out."""
    sections = (
        own_section(results),
        transfer_section(results),
        cross_model_section(results),
        agreement_section(results),
        prompt_section(results),
        neuron_section(results),
        training_section(results),
        inventory_section(results),
        missing_section(results),
        provenance_section(results),
    )
    return Report(
        title=f"Prompt transfer: {results.study.name}",
        sections=tuple(section for section in sections if section is not None),
        headline=tuple([*trial(results), *headline(results)]),
        facts={
            "backbones": ", ".join(results.backbones),
            "tasks": f"{len(results.tasks)} in {len(set(results.transfer().source_groups))} groups",
            "prompts": seeds_of(results),
            "scores": examples_of(results),
            "missing": f"{len(results.missing())} artifacts" if results.missing() else "nothing",
        },
    )


def trial(results: Results) -> list[str]:
    """Return a warning where the study scored fewer examples than it was made for."""
    limit = getattr(results.study, "limit", None)
    return [] if limit is None else [f"TRIAL: at most {limit} examples per task were scored. Not for a paper."]


def headline(results: Results) -> list[str]:
    """Return the three most interesting numbers in plain words; fewer where a store cannot say."""
    said = (_gain(results), _transfer(results), _agreement(results))
    return [sentence for sentence in said if sentence is not None]


def _gain(results: Results) -> str | None:
    own = results.own_scores().dropna(subset=["difference"])
    if own.empty:
        return None
    above = int((own["low"] > 0).sum())
    where = "tasks" if len(results.backbones) == 1 else "pairs of task and backbone"
    return (
        f"A trained prompt beats the best baseline on {above} of {len(own)} {where} (95 % interval above zero), by "
        f"{points(float(own['difference'].mean()))} points on average."
    )


def _transfer(results: Results) -> str | None:
    means = [group_means(results.chance_corrected(backbone)) for backbone in results.backbones]
    same, other = ([m[i] for m in means if m[i] is not None] for i in (0, 1))
    if not other:
        return None
    across = percent(float(np.mean(np.array(other))))
    if not same:
        return f"Used on another task, a prompt keeps {across} of what the task's own prompt gains over a random one."
    return (
        f"Used on another task of its group, a prompt keeps {percent(float(np.mean(np.array(same))))} of what the "
        f"task's own prompt gains over a random one; across groups {across}."
    )


def _agreement(results: Results) -> str | None:
    found = [(b, best) for b in results.backbones if (best := best_indicator(results.agreements(b))) is not None]
    if not found:
        return None
    backbone, (name, rho, baseline) = max(found, key=lambda item: item[1][1])
    n_tried = len(results.backbones) * count_tried(results.agreements(backbone))
    yardstick = "" if np.isnan(baseline) else f" (knowing the task groups alone gives {signed(baseline)})"
    where = f" on {backbone}" if len(results.backbones) > 1 else ""
    return (
        f"The best guess at which sources help a target{where} is {name.replace('_', ' ')}: Spearman "
        f"{signed(rho)} per target{yardstick}; the best of {n_tried} tried, so take it as a hint."
    )
