"""A toy training run: backbone, readout, data and initial rows, ready for `train`."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from executors.saved import NEGATIVE, POSITIVE

from transferkit.artifacts import Prompt
from transferkit.backbones import Backbone
from transferkit.batches import Encoded, encode
from transferkit.examples import Examples
from transferkit.prompts import Data, Job, Progress, make_initial, train
from transferkit.readouts import Readout, make_readout
from transferkit.specs import CausalReadout, MaskedReadout, PromptSpec, ReadoutSpec, Recipe, Seq2seqReadout
from transferkit.tasks.base import Label, LocalData, Task

TASK = Task(
    name="toy",
    source=LocalData(train="x", sha256="0"),
    labels=(
        Label(value="n", word="bad", description="a bad film"),
        Label(value="p", word="good", description="a good film"),
    ),
    max_tokens=32,
)
READOUTS = {"encoder": MaskedReadout(), "decoder": CausalReadout(), "encoder-decoder": Seq2seqReadout()}
TAILS = ("the", "a", "it was", "very", "film", "food", "really", "not", ". the", "! it")


def toy_examples(tails: tuple[str, ...]) -> Examples:
    rows = [
        ((f"{text} {tail}",), gold)
        for tail in tails
        for gold, texts in enumerate((NEGATIVE, POSITIVE))
        for text in texts
    ]
    return Examples([text for text, _ in rows], np.array([gold for _, gold in rows]), {})


def toy_recipe(**fields: object) -> Recipe:
    return Recipe(
        **{"prompt_length": 3, "batch_size": 8, "steps": 12, "evaluate_every": 4, "learning_rate": 0.05} | fields
    )


@dataclass(frozen=True)
class Toy:
    """Everything one run needs; `run` trains."""

    spec: PromptSpec
    backbone: Backbone
    readout: Readout
    data: Data
    initial: torch.Tensor

    @classmethod
    def of(
        cls,
        backbone: Backbone,
        recipe: Recipe,
        *,
        seed: int = 0,
        kind: ReadoutSpec | None = None,
        n_train: int = 6,
    ) -> "Toy":
        kind = kind or READOUTS[backbone.kind]
        spec = PromptSpec(backbone=backbone.spec, readout=kind, task=TASK, seed=seed, recipe=recipe)

        def encoded(tails: tuple[str, ...]) -> Encoded:
            return encode(toy_examples(tails), TASK, backbone, kind.kind, room=recipe.prompt_length)

        initial = make_initial(
            recipe.initial, backbone, length=recipe.prompt_length, seed=seed, task=TASK, find_prompt=lambda _key: None
        )
        data = Data(encoded(TAILS[:n_train]), encoded(TAILS[8:]))
        return cls(spec, backbone, make_readout(kind, backbone, TASK), data, initial)

    def run(self, scratch: Path, progress: Progress = lambda _n: None) -> tuple[Prompt, dict[str, object]]:
        return train(self.job(scratch), self.backbone, progress=progress)

    def job(self, scratch: Path) -> Job:
        folder = scratch / "state"  # a folder of its own below, as in a store: states are also looked for beside it
        folder.mkdir(exist_ok=True, parents=True)
        return Job(self.spec, self.readout, self.data, self.initial, folder)

    def changed(self, **fields: object) -> "Toy":
        recipe = dataclasses.replace(self.spec.recipe, **fields)
        return dataclasses.replace(self, spec=dataclasses.replace(self.spec, recipe=recipe))
