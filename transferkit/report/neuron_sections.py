"""Explaining. The section about neurons: which ones a prompt switches on, and how far two prompts agree in that."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from transferkit import figures
from transferkit.indicators import NEURON
from transferkit.report.page import Drawing, Part, Row, Section, Table, Text
from transferkit.report.score_sections import drawn
from transferkit.report.similarity_sections import diagonal_words, similarity
from transferkit.report.words import seeds_of, slug, snippet
from transferkit.results import Results

if TYPE_CHECKING:
    import pandas as pd

SHOWN = tuple(o for o in NEURON if o.kind == "cosine")  # other kinds are in the table of predictors


def neuron_section(results: Results) -> Section | None:
    """Return overlap of activated neurons, over all blocks and by block; None where no neuron set is there."""
    parts: list[Part] = [
        Text(
            body="Which feed-forward neurons a prompt switches on, on the empty text, and how far two such sets agree "
            "(cosine of the 0/1 vectors). Two sets of this density overlap by accident too: the chance level stands "
            "beside every value, taken block by block. Random prompts show what any prompt shares."
        )
    ]
    for backbone in results.backbones:
        by_block = results.overlap_by_block(backbone)
        if by_block.empty:
            continue
        caption = f"{diagonal_words(results)} Bottom and top are a third of the blocks each."
        found = [d for i in SHOWN if (d := similarity(results, backbone, i, caption)) is not None]
        parts += [_by_block(results, backbone, by_block), _overlap_table(results, backbone), Row(parts=tuple(found))]
    if len(parts) > 1:
        return Section(title="Which neurons the prompts share", slug="neurons", parts=tuple(parts))
    if not results.is_imported:
        return None
    absent = Text(
        body="Activated neurons are missing: nobody publishes them, and they cannot be had from prompts without the "
        "backbone. The paper's overlap of activated neurons (ON) is therefore neither computed nor estimated here."
    )
    return Section(title="Which neurons the prompts share", slug="neurons", parts=(absent,))


def _by_block(results: Results, backbone: str, by_block: pd.DataFrame) -> Drawing:
    return Drawing(
        name=f"overlap-by-block-{slug(backbone)}",
        title=f"Overlap by block, {backbone}",
        caption=f"Mean overlap over pairs of prompts, {seeds_of(results)}; block 1 nearest to the input. Dashed: what "
        "sets of the trained prompts' densities would share by chance. Random prompts have a density, and so a chance "
        "level, of their own (see the table).",
        draw=drawn(partial(figures.overlap, by_block, title=f"Overlap of activated neurons, {backbone}")),
        frame=by_block,
        snippet=snippet(results, f'tk.figures.overlap(results.overlap_by_block("{backbone}"))'),
        keys=results.indicator(NEURON[0], backbone).keys,
    )


def _overlap_table(results: Results, backbone: str) -> Table:
    return Table(
        name=f"overlap-{slug(backbone)}",
        title=f"Overlap, chance level and density, {backbone}",
        caption="Lowest and highest are over pairs of prompts. Density is the share of neurons switched on.",
        frame=results.overlap_table(backbone),
        columns={
            "blocks": "blocks",
            "relation": "relation",
            "n_pairs": "pairs",
            "mean": "mean overlap",
            "low": "lowest",
            "high": "highest",
            "chance": "chance level",
            "density": "density",
        },
        snippet=snippet(results, f'results.overlap_table("{backbone}")'),
        keys=results.indicator(NEURON[0], backbone).keys,
    )
