"""Explaining. The answer: a store read through a study, as matrices, curves and tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from transferkit.indicators import BASELINES, EMBEDDING, GEOMETRY, VARIANTS, Indicator
from transferkit.matrices import Diagonal, Matrix, same_group
from transferkit.results import agreements, cells, inventory, levels, predictors, scores, similarity, training, views
from transferkit.results.agreements import Form
from transferkit.results.choosing import Choosing
from transferkit.results.depths import Depths
from transferkit.results.growth import Growths
from transferkit.results.projections import Projections
from transferkit.results.reading import Question, Reading
from transferkit.results.similarity import SeedPairs
from transferkit.results.speedups import Speedups
from transferkit.shapes import FloatArray
from transferkit.specs import AnyPromptSpec, ImportedPromptSpec, ImportedScoreSpec, Spec, key
from transferkit.statistics import Grouping
from transferkit.store import Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Form", "Question", "Results"]

LEAST_GAP = 0.02  # a prompt that beats a random one by less says nothing about what transfers


class Results:
    """A store read through a study; every number is computed when asked for.

    Args:
        study: what is asked.
        store: where the artifacts are.
        seed: of the bootstrap and the relabellings.
        n_resamples: bootstrap resamples behind each interval.
    """

    def __init__(self, study: Question, store: Store, *, seed: int = 0, n_resamples: int = 4000) -> None:
        self.study = study
        self.store = store
        self.seed = seed
        self.n_resamples = n_resamples
        self._draws = {"seed": seed, "n_resamples": n_resamples}
        self._reading = Reading(study, store)
        self._transfers: dict[tuple[str, str, Diagonal], Matrix] = {}
        self._tables: dict[tuple[str, ...], pd.DataFrame] = {}
        self._indicators: dict[tuple[Indicator, str, SeedPairs], Matrix] = {}

    # --- what is there -----------------------------------------------------------------------------------------------
    @property
    def backbones(self) -> tuple[str, ...]:
        """Names of the backbones, in the study's order."""
        return self._reading.backbones

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks, by group, then name."""
        return tuple(task.name for task in self._reading.tasks)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the prompts."""
        return tuple(sorted({spec.seed for spec in self._reading.prompts}))

    @property
    def specs(self) -> tuple[Spec, ...]:
        """All the study asks for, averages and mixtures of its prompts included as far as they can be named."""
        return (*self._reading.specs, *self.choosing.specs())

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of every artifact of the study that is there."""
        return tuple(key(spec) for spec in self.specs if self.store.has(spec))

    @property
    def is_imported(self) -> bool:
        """Whether all of this was made elsewhere and came as files."""
        return all(isinstance(spec, (ImportedPromptSpec, ImportedScoreSpec)) for spec in self._reading.specs)

    def missing(self) -> list[Spec]:
        """Return the specs the store has no artifact of."""
        return [spec for spec in self.specs if not self.store.has(spec)]

    def inventory(self) -> pd.DataFrame:
        """Return per kind of artifact: asked, there, missing."""
        return inventory.inventory(self.specs, self.store)

    def task_table(self) -> pd.DataFrame:
        """Return one row per task: group, classes, metric, chance, n of the report split, largest class, notes."""
        return inventory.task_table(self._reading)

    def leakage(self) -> pd.DataFrame:
        """Return the pairs of tasks whose report splits share texts: task, other, shared, share_of_task."""
        return inventory.leakage(self._reading)

    def integrity(self) -> pd.DataFrame:
        """Return the scores that do not follow from their predictions; empty when all is well."""
        return inventory.integrity(self._reading, self.specs)

    def provenance(self) -> pd.DataFrame:
        """Return facts about what made the artifacts, with how many artifacts share each value."""
        return inventory.provenance(self._reading)

    def curves(self, backbone: str | None = None) -> pd.DataFrame:
        """Return one row per evaluation: backbone, task, group, seed, step and what the history holds."""
        return training.curves(self._reading, backbone)

    def training_health(self) -> pd.DataFrame:
        """Return one row per prompt: steps, best step, norms, relative change, alarms."""
        return training.training_health(self._reading)

    @cached_property
    def depths(self) -> Depths:
        """What a prompt is worth, does and costs by the block in front of which it enters."""
        return Depths(self._reading, **self._draws)

    @cached_property
    def speedups(self) -> Speedups:
        """How much sooner a prompt gets there that begins from another one."""
        return Speedups(self._reading, candidates=self.candidates, relative=self.relative, seed=self.seed)

    @cached_property
    def choosing(self) -> Choosing:
        """Which source serves a target best as it is, and what each way to choose one comes to."""
        return Choosing(self._reading, transfer=self.transfer, candidates=self.candidates)

    @cached_property
    def growth(self) -> Growths:
        """What prompts are worth whose backbone grew while they were trained, or was a part of itself."""
        return Growths(self._reading, **self._draws)

    @cached_property
    def projections(self) -> Projections:
        """What prompts of one backbone are worth on another, brought there in one way or another."""
        return Projections(self._reading, **self._draws)

    # --- scores ------------------------------------------------------------------------------------------------------
    def transfer(
        self, backbone: str | None = None, source_backbone: str | None = None, *, baselines: Diagonal = "without"
    ) -> Matrix:
        """Return mean scores over seeds [source,target], tasks by group, then name.

        Args:
            backbone: where the prompts are used; the study's first by default.
            source_backbone: where they were trained; the same by default.
            baselines: whether rows for no prompt, majority and random prompt are added below.
        """
        name = self.backbones[0] if backbone is None else backbone
        asked = (name, source_backbone or name, baselines)
        if asked not in self._transfers:
            found = scores.transfer(self._reading, name, source_backbone=source_backbone, baselines=baselines)
            self._transfers[asked] = found
        return self._transfers[asked]

    def own(self, backbone: str) -> FloatArray:
        """Return the mean score of each task's own prompts [target]."""
        return self.transfer(backbone).diagonal()

    def random(self, backbone: str) -> FloatArray:
        """Return the mean score of random prompts on each task [target]."""
        return self.baselines(backbone)["random prompt"].to_numpy(dtype=np.float64)

    def relative(self, backbone: str) -> Matrix:
        """Return transfer divided by the target's own score."""
        return self.transfer(backbone).relative()

    def chance_corrected(self, backbone: str) -> Matrix:
        """Return transfer with the random prompt at 0 and the own prompt at 1.

        Targets whose own prompt is not `LEAST_GAP` better than the random one are not applicable.
        """
        return self.transfer(backbone).chance_corrected(self.random(backbone), least_gap=LEAST_GAP)

    def forms(self, backbone: str) -> dict[Form, Matrix]:
        """Return the transfer matrix as raw, relative and chance-corrected scores."""
        return {
            "raw": self.transfer(backbone),
            "relative": self.relative(backbone),
            "chance_corrected": self.chance_corrected(backbone),
        }

    def cross_model(self) -> Matrix:
        """Return mean scores over (backbone, task) sources and targets; grouped by backbone."""
        return scores.cross_model(self._reading)

    def baselines(self, backbone: str) -> pd.DataFrame:
        """Return per task: chance, no prompt, majority, random prompt with its spread over draws."""
        return scores.baselines(self._reading, self._reading.check_backbone(backbone))

    def own_scores(self, backbone: str | None = None) -> pd.DataFrame:
        """Return per backbone and task: score, seeds, n, baselines, and the gain over the best one with intervals.

        `low` and `high` are over seeds and examples together where there are several seeds, else over examples.
        """
        table = self._once(("own_scores",), lambda: scores.own_scores(self._reading, **self._draws))
        return table if backbone is None else table[table["backbone"] == backbone].reset_index(drop=True)

    def indicator(self, indicator: Indicator, backbone: str | None = None, *, seed_pairs: SeedPairs = "all") -> Matrix:
        """Return an indicator's values, mean over pairs of seeds [source,target].

        The diagonal compares different seeds of one task, the ceiling for any other pair; itself where there is one
        seed. Prompts of one seed may begin alike: `seed_pairs="other"` leaves those pairs out.
        """
        name = self.backbones[0] if backbone is None else backbone
        asked = (indicator, name, seed_pairs)
        if asked not in self._indicators:
            self._indicators[asked] = similarity.indicator_matrix(self._reading, indicator, name, seed_pairs=seed_pairs)
        return self._indicators[asked]

    def overlap_by_block(self, backbone: str) -> pd.DataFrame:
        """Return per block and relation: mean, low, high overlap, n_pairs, chance, density."""
        return similarity.overlap_by_block(self._reading, backbone)

    def overlap_table(self, backbone: str) -> pd.DataFrame:
        """Return the same for all blocks, the bottom third and the top third."""
        return similarity.overlap_table(self._reading, backbone)

    def levels(self, backbone: str) -> pd.DataFrame:
        """Return per indicator of prompts its mean by relation, and the floor: random directions of the same norms."""
        here = {matrix.name for matrix in self.candidates(backbone)}
        wanted = [one for one in (*EMBEDDING, *VARIANTS, *GEOMETRY, *BASELINES) if one.name in here]
        return self._once(("levels", backbone), lambda: levels.levels(self._reading, backbone, wanted, seed=self.seed))

    def candidates(self, backbone: str) -> list[Matrix]:
        """Return every indicator that can be computed from what is there, the baselines norm_proxy and same_group last.

        Variants that take in all rows are left out where the backbone reads every row: they would be the same.
        """
        found = similarity.candidates(self._reading, backbone, lambda indicator: self.indicator(indicator, backbone))
        return [*found, same_group(self.transfer(backbone))]

    def agreements(self, backbone: str) -> pd.DataFrame:
        """Return the agreement of every indicator with every form of transfer, in every grouping."""
        return self._once(
            ("agreements", backbone),
            lambda: agreements.agreements(self.forms(backbone), self.candidates(backbone), seed=self.seed),
        )

    def predictors(self, backbone: str, *, form: Form = "relative", grouping: Grouping = "per_target") -> pd.DataFrame:
        """Return every indicator beside its baselines and corrections; see `results.predictors` for the columns."""
        return self._once(
            ("predictors", backbone, form, grouping),
            lambda: predictors.predictors(
                self.forms(backbone)[form], self.candidates(backbone), grouping=grouping, **self._draws
            ),
        )

    def regrets(self, backbone: str) -> pd.DataFrame:
        """Return what trusting each indicator's best sources loses, beside random and same-group sources."""
        return self._once(
            ("regrets", backbone), lambda: predictors.regrets(self.transfer(backbone), self.candidates(backbone))
        )

    def cell_tests(self, backbone: str) -> pd.DataFrame:
        """Return whether each cell differs from a random prompt and from the own one; empty without answers."""
        return self._once(("cells", backbone), lambda: cells.cell_tests(self._reading, backbone, seed=self.seed))

    def foreign_prompts(self, backbone: str) -> pd.DataFrame:
        """Return imported scores of prompts of other backbones, as they are and projected, beside own and random."""
        return scores.foreign_prompts(self._reading, self._reading.check_backbone(backbone))

    def prompt_specs(self) -> tuple[AnyPromptSpec, ...]:
        """Return the specs of the prompts that are there, by backbone, group, task and seed."""
        return tuple(spec for spec, _ in self._reading.iter_prompts())

    def prompt_width(self) -> int:
        """Return the width of the rows of the first prompt that is there; 0 where there is none."""
        return next((prompt.vectors.shape[1] for _, prompt in self._reading.iter_prompts()), 0)

    def prompt_keys(self, backbone: str) -> tuple[str, ...]:
        """Return the keys of the prompts of a backbone that are there."""
        return tuple(key(spec) for spec in self.prompt_specs() if spec.backbone.name == backbone)

    def prompt_scores(self, prompt: AnyPromptSpec) -> pd.DataFrame:
        """Return one prompt's score on every task of its backbone, beside the mean own and random scores."""
        return scores.prompt_scores(self._reading, prompt)

    def prompt_points(self, backbone: str, *, method: views.Method = "pca") -> tuple[pd.DataFrame, FloatArray]:
        """Return prompts and what they began from in a plane, and the variance per axis [2] (NaN for t-SNE)."""
        return views.prompt_points(self._reading, backbone, method)

    def row_norms(self, backbone: str) -> pd.DataFrame:
        """Return the norm of every row of every prompt, before and after training."""
        return views.row_norms(self._reading, backbone)

    def word_table(self, backbone: str) -> pd.DataFrame:
        """Return the words nearest to every row of every prompt, beside those of random directions."""
        return views.word_table(self._reading, backbone)

    def _once(self, name: tuple[str, ...], make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        if name not in self._tables:
            self._tables[name] = make()
        return self._tables[name].copy()
