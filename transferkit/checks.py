"""Making. What can be known to be wrong before any weights are read: names, files, data, words, sizes."""

from pathlib import Path

from transferkit import catalogue, sources
from transferkit.backbones.loading import Shape, check_readout, shape_of, tokenizer_of
from transferkit.errors import InputError, nearest
from transferkit.examples import load
from transferkit.generation import check_beams
from transferkit.growth_checks import check_growth
from transferkit.readouts import label_word_ids
from transferkit.specs import (
    EmbeddingReadout,
    LabelWordsInitial,
    Placement,
    ProjectedInitial,
    ProjectedSpec,
    PromptInitial,
    PromptSpec,
    Recipe,
    key,
)
from transferkit.store import Store
from transferkit.study import Study
from transferkit.study.retrieval import check_retrieval
from transferkit.tasks.base import CatalogueData

LEAST_TEXT = 8  # tokens that must remain for the text behind a prompt


def check(asked: Study, store: Store, *, cache: Path | None = None) -> None:
    """Make sure everything a study needs is here and fits.

    Raises:
        InputError: an unknown name, a missing asset, data, words or sizes that do not fit; the message names the fix.
        StoreError: files of the catalogue were altered.
    """
    corpora = [task.source.corpus for task in asked.resolved_tasks if isinstance(task.source, CatalogueData)]
    catalogue.require(catalogue.needed((*asked.backbone_names, *asked.target_names), corpora), cache)
    folders = {}
    for name, model in asked.every_model.items():
        folders[model.spec.name] = sources.folder(name, model.spec, cache)
        if name in catalogue.ENTRIES:
            catalogue.verify(name, cache)
    shapes = {name: shape_of(folder) for name, folder in folders.items()}
    _check_every_size(asked, shapes)
    for recipe in (asked.recipe, *(wanted.recipe for wanted in asked.projections if wanted.recipe is not None)):
        _check_initial(asked, recipe, store)
    check_growth(asked, shapes)
    if asked.retrieval is not None:
        check_retrieval(asked, asked.retrieval)
    for task in asked.resolved_tasks:
        load(task, cache=cache)
    for model in dict.fromkeys(asked.every_model.values()):
        readout = asked.readout_of(model)
        check_readout(readout.kind, shapes[model.spec.name].stack, model.spec.name)
        if not isinstance(readout, EmbeddingReadout):
            tokenizer = tokenizer_of(folders[model.spec.name])
            for task in asked.resolved_tasks:
                if task.answer is None:
                    label_word_ids(task, tokenizer, readout.kind)


def _check_every_size(asked: Study, shapes: dict[str, Shape]) -> None:
    _check_sizes(asked, asked.recipe, {model.spec.name: shapes[model.spec.name] for model in asked.models})
    for wanted, found in zip(asked.projections, asked.crossings, strict=True):
        _check_sizes(asked, wanted.recipe or asked.recipe, {found.target: shapes[found.target]})
    if asked.sweep is not None:
        swept = {spec.backbone.name: shapes[spec.backbone.name] for spec in asked.swept_prompts()}
        for recipe in asked.sweep.recipes(asked.recipe):
            _check_sizes(asked, recipe, swept)


def _check_sizes(asked: Study, recipe: Recipe, shapes: dict[str, Shape]) -> None:
    for name, shape in shapes.items():
        if recipe.placement.insert_after >= shape.n_blocks:
            raise InputError(
                f"insert_after = {recipe.placement.insert_after}, but {name} has {shape.n_blocks} blocks",
                fix=f"choose insert_after between 0 and {shape.n_blocks - 1}",
            )
        _check_sight(recipe.placement, shape, name)
        if recipe.generator is not None:
            _check_generator(asked, recipe.placement, shape, name)
        rows = recipe.prompt_length if recipe.placement.entry == "words" else 0
        answers = [task.answer for task in asked.resolved_tasks if task.answer is not None]
        n_written = max((a.max_new_tokens for a in answers), default=0) if shape.stack == "decoder" else 0
        if shape.capacity is not None and shape.capacity - rows - n_written < LEAST_TEXT:
            within = f"{name} beside max_new_tokens = {n_written}" if n_written else name
            raise InputError(
                f"prompt_length = {recipe.prompt_length} does not fit {within}, which holds {shape.capacity} rows",
                fix=f"choose at most {shape.capacity - LEAST_TEXT - n_written}",
            )
        for answer in answers:
            check_beams(answer, recipe.placement, shape, name)
    widths = {name: shape.width for name, shape in shapes.items()}
    if asked.across_backbones and len(set(widths.values())) > 1:
        said = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise InputError(
            f"across_backbones = true, but the backbones differ in width ({said})",
            fix="set across_backbones = false, or use backbones that share vocabulary and width",
        )


def _check_sight(placement: Placement, shape: Shape, name: str) -> None:
    """Make sure rows that answer see the prompt: where rows see backwards only, it must stand ahead of them."""
    in_decoder = shape.stack == "encoder-decoder" and placement.insert_after >= shape.n_encoder
    hidden = ("end", "after_first") if in_decoder else ("end",) if shape.stack == "decoder" else ()
    if placement.where in hidden:
        part = f"the decoder of {name}" if in_decoder else name
        raise InputError(
            f"where = {placement.where!r}: {part} sees backwards only, so a row that answers would not see the prompt",
            fix='choose where = "front"',
        )


def _check_generator(asked: Study, placement: Placement, shape: Shape, name: str) -> None:
    """Make sure a generator reads rows of a text that are there, and the same, whatever is written behind them."""
    if shape.stack == "encoder-decoder" and placement.insert_after >= shape.n_encoder:
        raise InputError(
            f"a generator reads the text, and in front of block {placement.insert_after} of {name} there"
            " are rows of the answer",
            fix=f"choose insert_after below {shape.n_encoder}, in its encoder",
        )
    written = [task.name for task in asked.resolved_tasks if task.answer is not None]
    if shape.stack == "decoder" and written:
        raise InputError(
            f"a generator behind {name} cannot make prompts for answers in words ({', '.join(written)})",
            fix="study these tasks without a generator, or on an encoder-decoder",
        )


def _check_initial(asked: Study, recipe: Recipe, store: Store) -> None:
    """Make sure what a recipe begins from is there and fits: the study's own, or that of a projection."""
    initial = recipe.initial
    is_own = recipe is asked.recipe
    written = [task.name for task in asked.resolved_tasks if task.answer is not None]
    if isinstance(initial, LabelWordsInitial) and written:
        raise InputError(
            f'initial = {{ kind = "label_words" }}, but the answers of {", ".join(written)} are texts, not labels',
            fix='use initial = { kind = "vocabulary" }, or study these tasks by themselves',
        )
    if not isinstance(initial, (PromptInitial, ProjectedInitial)):
        return
    kind = PromptSpec if isinstance(initial, PromptInitial) else ProjectedSpec
    found = {key(spec): spec for spec in store.specs("prompt") if isinstance(spec, kind)}
    if initial.key not in found:
        raise InputError(
            f"initial prompt {initial.key!r} is not in {store.root}", fix=nearest(initial.key, list(found))
        )
    source = found[initial.key]
    for model in asked.models if is_own else asked.targets:
        if model.spec != source.backbone:
            raise InputError(
                f"initial prompt {initial.key} is one of {source.backbone.name!r}, not of {model.spec.name!r}",
                fix="begin from a prompt of the same backbone, revision and dtype",
            )
