"""Shelf. Training recipes by name: the papers' own, and ours for small frozen encoders.

Steps, batch sizes and rates are those of the papers or of their released code; where a paper searched over a range the
value here is its reported default.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from transferkit.complaints import refuse
from transferkit.errors import InputError, nearest
from transferkit.specs import (
    Generator,
    Growth,
    LabelWordsInitial,
    NormalInitial,
    Placement,
    Recipe,
    UniformInitial,
    VocabularyInitial,
)
from transferkit.specs.partial import QUARTERS

_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)

# Ours: short prompts and a rate that suits small encoders; chosen on selection splits alone (benchmarks/results).
default = Recipe(learning_rate=0.03, schedule="linear", steps=300, evaluate_every=50)

# Lester et al. 2021, section 3.1: Adafactor 0.3 without parameter scaling, 30,000 steps of 32, class-label initial.
lester2021 = Recipe(
    prompt_length=100,
    initial=LabelWordsInitial(),
    optimizer="adafactor",
    learning_rate=0.3,
    weight_decay=1e-5,
    clip_norm=None,
    batch_size=32,
    steps=30_000,
    evaluate_every=500,
)

# Su et al. 2022, released configuration for RoBERTa-base. Deviation: a selection rule, where theirs picks by hand.
su2022 = Recipe(
    prompt_length=100,
    initial=NormalInitial(std=0.02),
    learning_rate=1e-3,
    clip_norm=None,
    batch_size=16,
    steps=20_000,
    evaluate_every=500,
    backbone_dropout=True,
)

# Vu et al. 2022 (SPoT), source prompts: sampled vocabulary, dropout 0.1, 262,144 steps; task embedding at 10,000.
spot2022 = Recipe(
    prompt_length=100,
    initial=VocabularyInitial(),
    optimizer="adafactor",
    learning_rate=0.3,
    weight_decay=1e-5,
    clip_norm=None,
    batch_size=32,
    steps=262_144,
    evaluate_every=500,
    backbone_dropout=True,
    early_step=10_000,
)

# Liu et al. 2022 (LPT) without a generator, RoBERTa-large, few-shot script: in front of block 12, warm-up 6 %.
lpt2022 = Recipe(
    prompt_length=20,
    initial=NormalInitial(std=1.0),
    placement=Placement(insert_after=12, entry="block"),
    learning_rate=1e-3,
    schedule="linear",
    warmup_steps=60,
    weight_decay=0.1,
    batch_size=32,
    steps=1_000,
    evaluate_every=100,
)

# The same with its generators: five rows of a bottleneck of 128, dropout on what is made. Deviation: no dropout in the
# frozen blocks, so that the rows below the prompt can be computed once.
lpt2022_bottleneck, lpt2022_average_pool, lpt2022_max_pool = (
    dataclasses.replace(lpt2022, prompt_length=5, generator=Generator(kind=kind, width=128, dropout=0.1))
    for kind in ("bottleneck", "average_pool", "max_pool")
)

# Huang et al. 2022 (FPT), the plain prompt-tuning baseline: 20 rows, Adafactor 0.3, clipped at 1. Deviation: rows begin
# within ± 0.5, as those of Lester et al. do; theirs within ± √(1/d), which is another number for every backbone.
fpt2022 = Recipe(
    prompt_length=20,
    initial=UniformInitial(low=-0.5, high=0.5),
    optimizer="adafactor",
    learning_rate=0.3,
    weight_decay=1e-5,
    batch_size=32,
    steps=30_000,
    evaluate_every=500,
)

# The same while the backbone grows: by 20, 20, 20 and 40 % of the steps, from a quarter on, optimiser state carried.
# Deviation: a decoder is cut for every task; theirs is left whole where answers are single words (`decoder = false`).
fpt2022_depth, fpt2022_width, fpt2022_both = (
    dataclasses.replace(fpt2022, growth=growth)
    for growth in (Growth(depth=QUARTERS), Growth(width=QUARTERS), Growth(depth=QUARTERS, width=QUARTERS))
)

PRESETS: dict[str, Recipe] = {
    "default": default,
    "lester2021": lester2021,
    "su2022": su2022,
    "spot2022": spot2022,
    "lpt2022": lpt2022,
    "lpt2022_bottleneck": lpt2022_bottleneck,
    "lpt2022_average_pool": lpt2022_average_pool,
    "lpt2022_max_pool": lpt2022_max_pool,
    "fpt2022": fpt2022,
    "fpt2022_depth": fpt2022_depth,
    "fpt2022_width": fpt2022_width,
    "fpt2022_both": fpt2022_both,
}


def find(name: str) -> Recipe:
    """Return a recipe by name.

    Raises:
        InputError: no such preset.
    """
    if name not in PRESETS:
        raise InputError(f"unknown preset {name!r}", fix=nearest(name, list(PRESETS)))
    return PRESETS[name]


def changed(value: object) -> object:
    """Read `{preset = "su2022", steps = 3000}`: a named recipe with some fields changed."""
    if not isinstance(value, Mapping):
        return value
    changes = dict(cast("Mapping[str, object]", value))
    base = find(str(changes.pop("preset", "default")))
    whole: dict[str, Any] = {**_RECIPE.dump_python(base, mode="json"), **changes}
    try:
        return _RECIPE.validate_json(json.dumps(whole))
    except ValidationError as error:
        raise refuse(error, Recipe, at=("recipe",)) from error
