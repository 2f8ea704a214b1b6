"""Shelf. What is looked at in the prompts of a study: the neurons they activate, the words they are near to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transferkit.specs import NeuronsSpec, RandomPrompt, TrainedPrompt, WordsSpec

if TYPE_CHECKING:
    from transferkit.study.question import Study


def neuron_sets(study: Study) -> list[NeuronsSpec]:
    """Return the neuron sets to read: of every prompt on its own backbone, and of the random ones.

    Prompts that enter above block 0 have none: the blocks below cannot see them, so shares of all blocks, or of the
    lower ones, would mean nothing.
    """
    if not study.neurons or study.recipe.placement.insert_after:
        return []
    return [
        NeuronsSpec(source=source, backbone=model.spec, readout=study.readout_of(model), site=study.neurons)
        for model in study.models
        for source in study.sources(model)
        if isinstance(source, RandomPrompt)
        or (isinstance(source, TrainedPrompt) and source.backbone == model.spec.name)
    ]


def nearest_words(study: Study) -> list[WordsSpec]:
    """Return the vocabulary look-ups to make: of every prompt on its own backbone, where prompts stand among words.

    A prompt that joins the rows in front of a block is no row of the word table, so nearness would mean nothing.
    """
    if not study.nearest_words or study.recipe.placement.entry != "words":
        return []
    return [
        WordsSpec(source=source, backbone=model.spec, readout=study.readout_of(model), n_nearest=study.nearest_words)
        for model in study.models
        for source in study.sources(model)
        if isinstance(source, TrainedPrompt) and source.backbone == model.spec.name
    ]
