"""Making. What can be known to be wrong before any weights are read: names, files, data, words, sizes."""

from collections.abc import Sequence
from pathlib import Path

from transferkit import catalogue, sources
from transferkit.backbones.loading import Shape, shape_of, tokenizer_of
from transferkit.errors import InputError, nearest
from transferkit.examples import load
from transferkit.readouts.masked import label_word_id
from transferkit.specs import MaskedReadout, PromptInitial, PromptSpec, key
from transferkit.store import Store
from transferkit.study import Study
from transferkit.tasks.base import CatalogueData

LEAST_TEXT = 8  # tokens that must remain for the text behind a prompt


def check(asked: Study, store: Store, *, cache: Path | None = None) -> None:
    """Make sure everything a study needs is here and fits.

    Raises:
        InputError: an unknown name, a missing asset, data, words or sizes that do not fit; the message names the fix.
        StoreError: files of the catalogue were altered.
    """
    corpora = [task.source.corpus for task in asked.resolved_tasks if isinstance(task.source, CatalogueData)]
    catalogue.require(catalogue.needed(asked.backbone_names, corpora), cache)
    folders = {}
    for model, name in zip(asked.models, asked.backbone_names, strict=True):
        folders[model.spec.name] = sources.folder(name, model.spec, cache)
        if name in catalogue.ENTRIES:
            catalogue.verify(name, cache)
    shapes = {name: shape_of(folder) for name, folder in folders.items()}
    _check_sizes(asked, shapes)
    _check_initial(asked, store)
    for task in asked.resolved_tasks:
        load(task, cache=cache)
    for model in asked.models:
        if isinstance(asked.readout_of(model), MaskedReadout):
            tokenizer = tokenizer_of(folders[model.spec.name])
            for task in asked.resolved_tasks:
                for label in task.labels:
                    label_word_id(label.word, task, tokenizer)


def _check_sizes(asked: Study, shapes: dict[str, Shape]) -> None:
    recipe = asked.recipe
    for name, shape in shapes.items():
        if recipe.placement.insert_after >= shape.n_blocks:
            raise InputError(
                f"insert_after = {recipe.placement.insert_after}, but {name} has {shape.n_blocks} blocks",
                fix=f"choose insert_after between 0 and {shape.n_blocks - 1}",
            )
        rows = recipe.prompt_length if recipe.placement.entry == "words" else 0
        if shape.capacity is not None and shape.capacity - rows < LEAST_TEXT:
            raise InputError(
                f"prompt_length = {recipe.prompt_length} does not fit {name}, which holds {shape.capacity} rows",
                fix=f"choose at most {shape.capacity - LEAST_TEXT}",
            )
    widths = {name: shape.width for name, shape in shapes.items()}
    if asked.across_backbones and len(set(widths.values())) > 1:
        said = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise InputError(
            f"across_backbones = true, but the backbones differ in width ({said})",
            fix="set across_backbones = false, or use backbones that share vocabulary and width",
        )


def _check_initial(asked: Study, store: Store) -> None:
    initial = asked.recipe.initial
    if not isinstance(initial, PromptInitial):
        return
    prompts: Sequence[PromptSpec] = [spec for spec in store.specs("prompt") if isinstance(spec, PromptSpec)]
    found = {key(spec): spec for spec in prompts}
    if initial.key not in found:
        raise InputError(
            f"initial prompt {initial.key!r} is not in {store.root}", fix=nearest(initial.key, list(found))
        )
    source = found[initial.key]
    for model in asked.models:
        if model.spec != source.backbone:
            raise InputError(
                f"initial prompt {initial.key} is one of {source.backbone.name!r}, not of {model.spec.name!r}",
                fix="begin from a prompt of the same backbone, revision and dtype",
            )
