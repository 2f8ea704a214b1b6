"""Making. What can be known to be wrong with growing backbones and their parts before any weights are read."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from transferkit.backbones.loading import Shape
from transferkit.backbones.partial import kept_blocks, kept_neurons
from transferkit.errors import InputError
from transferkit.specs import Partial
from transferkit.study import Study


def check_growth(asked: Study, shapes: Mapping[str, Shape]) -> None:
    """Make sure that what a study asks of growing backbones and of their parts can be had, and is not asked twice.

    Args:
        asked: the study.
        shapes: of its backbones, by name.

    Raises:
        InputError: it cannot.
    """
    _check_company(asked)
    _check_writing(asked)
    names = [model.spec.name for model in asked.models]
    above = asked.recipe.placement.insert_after
    for field, parts in _asked_parts(asked):
        for part in parts:
            if not part.decoder and all(shapes[name].stack != "encoder-decoder" for name in names):
                raise InputError(
                    f"{field}: decoder = false, but {', '.join(names)} has none", fix="leave decoder = … out"
                )
        placed = [dataclasses.replace(part, above=above) for part in parts]
        for name in names:
            _check_sizes(field, name, placed, shapes[name])


def _asked_parts(asked: Study) -> Iterator[tuple[str, Sequence[Partial]]]:
    """Yield where parts are named, and those that must differ."""
    if asked.recipe.growth is not None:
        yield "recipe: growth", asked.recipe.growth.partials()
    if asked.growth is not None:
        for name, schedule in zip(asked.growth.names, asked.growth.schedules, strict=True):
            yield f"growth, schedule {name!r}", schedule.partials()
    if asked.initialisation is not None:
        yield "initialisation: parts", asked.initialisation.parts


def _check_sizes(field: str, backbone: str, parts: Sequence[Partial], shape: Shape) -> None:
    """Make sure that no part is the whole backbone, or another part: it would count as evidence twice."""
    found: dict[object, str] = {}
    for part in parts:
        kept, fewer = _kept(part, shape)
        if not fewer:
            raise InputError(
                f"{field}: part {part.name} of {backbone} keeps all of its {shape.n_blocks} blocks and"
                f" {shape.n_neurons} neurons",
                fix=f"choose a smaller depth or width{'' if part.decoder else ', or leave decoder = false out'}",
            )
        if kept in found:
            least = "; at least two blocks are kept above the prompt" if "depths" in fewer else ""
            raise InputError(
                f"{field}: on {backbone}, {found[kept]} and {part.name} keep the same {' and '.join(fewer.values())}",
                fix=f"name fewer of them, or {' or '.join(fewer)} further apart{least}",
            )
        found[kept] = part.name


def _kept(part: Partial, shape: Shape) -> tuple[object, dict[str, str]]:
    """Return what a part keeps, and of what it keeps fewer than there are, in words.

    What is ranked by a measurement is not known yet: the rule stands for its choice.
    """
    is_unknown = part.blocks == "changing"
    named = dataclasses.replace(part, blocks="first") if is_unknown else part  # as many, whichever they are
    numbers = kept_blocks(named, shape.n_encoder, shape.n_blocks, None)
    n_cut = shape.n_blocks if part.decoder else shape.n_encoder or shape.n_blocks
    narrow = [part.above <= number < n_cut for number in numbers]
    n_kept = kept_neurons(part.width, shape.n_neurons)
    fewer = {}
    if len(numbers) < shape.n_blocks:
        fewer["depths"] = f"{len(numbers)} of {shape.n_blocks} blocks"
    if any(narrow) and n_kept < shape.n_neurons:
        fewer["widths"] = f"{n_kept} of {shape.n_neurons} neurons"
    blocks = (numbers, "depths" in fewer and is_unknown)
    neurons = (n_kept, part.neurons, *narrow) if "widths" in fewer else None
    return (blocks, neurons), fewer


def _check_company(asked: Study) -> None:
    tuned = [wanted for wanted in asked.projections if (wanted.recipe or asked.recipe).growth is not None]
    is_mixed = asked.retrieval is not None and bool(asked.retrieval.mixtures)
    if tuned or (is_mixed and asked.recipe.growth is not None):
        what = "projectors" if tuned else "mixtures"
        raise InputError(
            f"growth: {what} are trained on several tasks in turn, for which no backbone grows",
            fix="leave growth out of the recipe, or give the projection a recipe without",
        )


def _check_writing(asked: Study) -> None:
    has_parts = (asked.growing is not None and bool(asked.growing.on_parts)) or (
        asked.initialisation is not None and bool(asked.initialisation.parts)
    )
    wide = [task.name for task in asked.resolved_tasks if task.answer is not None and task.answer.beams > 1]
    if has_parts and wide:
        raise InputError(
            f"growth: a part of a backbone writes without beams, but {', '.join(wide)} asks for some",
            fix="set beams = 1, or ask for no prompts of parts",
        )
