"""Explaining. Prompts trained while their backbone grew (Huang et al. 2022): what they score, and what they cost.

Each stands beside its plain twin of the same task and seed, and beside plain prompts that were trained for fewer steps:
the paper's "improvement" compares at equal arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.results.parts import Parts
from transferkit.results.reading import Reading
from transferkit.results.scores import paired
from transferkit.shapes import FloatArray
from transferkit.specs import PromptSpec, ScoreSpec, key, stages_of
from transferkit.statistics.equal_score import Run, Saved, saved_share
from transferkit.statistics.mean_gain import MeanGain, Sides, mean_gain
from transferkit.study import GrowthSpecs

if TYPE_CHECKING:
    import pandas as pd

PLAIN = "plain"
CURVES = ("backbone", "task", "seed", "way", "step", "gflop", "seconds", "selection_score", "is_whole", "key")
GAIN = ("gain", "gain_low", "gain_high")
EQUAL = ("equal_share", "equal_gain", "equal_low", "equal_high")
SAVED = tuple(f"{what}_{name}" for what in ("gflop", "seconds") for name in ("saved", "low", "high", "side"))
TABLE = (
    "backbone",
    "way",
    "is_grown",
    "n_tasks",
    "n_seeds",
    "n",
    "score",
    *GAIN,
    "share_gflop",
    "share_seconds",
    "share_clock",
    *EQUAL,
    *SAVED,
)
ROUNDING = 1e-6  # of shares: arithmetic is kept to six digits
Runs = dict[tuple[str, int], PromptSpec]  # by task and seed


@dataclass(frozen=True)
class Way:
    """One way to train, with its prompts by task and seed."""

    name: str
    prompts: Runs


class Growths:
    """The part of `Results` that is about growing backbones; tables are empty where a study has none."""

    def __init__(self, reading: Reading, *, seed: int, n_resamples: int) -> None:
        self._reading = reading
        self._seed = seed
        self._n_resamples = n_resamples

    @property
    def specs(self) -> GrowthSpecs | None:
        """What the study asks for."""
        return self._reading.question.growing

    @cached_property
    def parts(self) -> Parts:
        """What prompts are worth that were trained on parts alone."""
        return Parts(self._reading, self.specs, seed=self._seed)

    @property
    def backbones(self) -> tuple[str, ...]:
        """Names of the backbones that grow."""
        return () if self.specs is None else tuple(dict.fromkeys(spec.backbone.name for spec in self.specs.plain))

    def curves(self, backbone: str | None = None) -> pd.DataFrame:
        """Return one row per look of every plain and grown run that is there.

        Scores are those of the whole backbone on the selection split, whatever part was trained on; `is_whole` says
        whether the last step in front of a look was taken on the whole. `gflop` and `seconds` are of steps alone,
        summed; seconds are of the processor, on a GPU of the clock.
        """
        import pandas as pd

        rows = []
        for name in self.backbones if backbone is None else [one for one in self.backbones if one == backbone]:
            for way in (self._plain(name), *self._grown(name)):
                for (task, seed), spec in way.prompts.items():
                    place = dict(zip(CURVES, (name, task, seed, way.name), strict=False))
                    rows += [{**place, **look, "key": key(spec)} for look in self._looks(spec)]
        return pd.DataFrame(rows, columns=CURVES)

    def table(self, backbone: str | None = None) -> pd.DataFrame:
        """Return one row per way to train: means over tasks and seeds on the report split, cost, and what is saved.

        Columns: `gain` over the plain way with its 95 % interval, the tasks held fixed; `share_gflop`, `share_seconds`
        of what plain steps take, `share_clock` of the time a plain run takes, its looks included; `equal_share`,
        the shortest plain way in the study that takes no less arithmetic, and `equal_gain` over it; `gflop_saved`,
        `seconds_saved` at the same score on the selection split, with an interval whose low end is missing where too
        many resamples never get there (see `statistics.equal_score`). A way of which a prompt is missing has no row.
        """
        table = self._table
        return table.copy() if backbone is None else table[table["backbone"] == backbone].reset_index(drop=True)

    @cached_property
    def _table(self) -> pd.DataFrame:
        import pandas as pd

        rows = [row for backbone in self.backbones for row in self._rows(backbone)]
        return pd.DataFrame(rows, columns=[*TABLE, "keys"])

    # --- ways --------------------------------------------------------------------------------------------------------
    def _plain(self, backbone: str) -> Way:
        assert self.specs is not None
        return Way(PLAIN, _by_run(spec for spec in self.specs.plain if spec.backbone.name == backbone))

    def _grown(self, backbone: str) -> list[Way]:
        assert self.specs is not None
        here = [one for one in self.specs.grown if one.plain.backbone.name == backbone]
        return [
            Way(name, _by_run(one.prompt for one in here if one.schedule == name))
            for name in dict.fromkeys(one.schedule for one in here)
        ]

    def _shorter(self, backbone: str) -> list[Way]:
        assert self.specs is not None
        here = [spec for spec in self.specs.shorter if spec.backbone.name == backbone]
        whole = next((spec.recipe.steps for spec in self.specs.plain), 1)
        return [
            Way(f"{PLAIN}, {n} of {whole} steps", _by_run(s for s in here if s.recipe.steps == n))
            for n in sorted({spec.recipe.steps for spec in here})
        ]

    # --- rows --------------------------------------------------------------------------------------------------------
    def _rows(self, backbone: str) -> Iterator[dict[str, object]]:
        plain, grown, shorter = self._plain(backbone), self._grown(backbone), self._shorter(backbone)
        if not self._is_there(plain):
            return
        cheaper = [(self._share(way, plain, "gflop"), way) for way in (*shorter, plain) if self._is_there(way)]
        for n, way in enumerate((plain, *grown, *shorter)):
            if not self._is_there(way):
                continue
            generator = np.random.default_rng([self._seed, n])
            scores = self._scores(way)
            cells = [self._reading.mean(specs) for specs in scores.values()]
            row: dict[str, object] = {"backbone": backbone, "way": way.name, "n_tasks": len(cells)}
            row |= {"n_seeds": len({seed for _, seed in way.prompts}), "n": sum(cell.n for cell in cells)}
            row |= {"score": float(np.mean([cell.value for cell in cells]))}
            row |= {f"share_{what}": self._share(way, plain, what) for what in ("gflop", "seconds", "clock")}
            if way.name != PLAIN:
                row |= _gain(self._gain(way, plain, generator), GAIN)
            row["is_grown"] = way in grown
            if way in grown:
                own = self._share(way, plain, "gflop")
                share, equal = next((one for one in cheaper if one[0] >= own - ROUNDING), (np.nan, None))
                found = None if equal is None else self._gain(way, equal, generator)
                row |= {"equal_share": share} | _gain(found, EQUAL[1:])
                for what in ("gflop", "seconds"):
                    row |= _saved(what, self._saved(way, plain, what, generator))
            made_from = [*way.prompts.values(), *(spec for specs in scores.values() for spec in specs)]
            yield {**row, "keys": " ".join(map(key, made_from))}

    def _scores(self, way: Way) -> dict[str, list[ScoreSpec]]:
        """Return the scores on the report split by task, in the order of the seeds."""
        assert self.specs is not None
        found: dict[str, list[ScoreSpec]] = {}
        for (task, _), spec in sorted(way.prompts.items()):
            found.setdefault(task, []).append(self.specs.score(spec))
        return found

    def _is_there(self, way: Way) -> bool:
        wanted = [*way.prompts.values(), *(spec for specs in self._scores(way).values() for spec in specs)]
        return bool(wanted) and all(self._reading.store.has(spec) for spec in wanted)

    def _gain(self, way: Way, other: Way, generator: np.random.Generator) -> MeanGain | None:
        first, second = self._scores(way), self._scores(other)
        sides = []
        for task, specs in first.items():
            found, facts = paired(self._reading, specs, second[task]), specs[0].task
            if found is None:
                return None
            sides.append(Sides(found.first, found.second, found.gold, facts.metric, facts.n_classes))  # type: ignore[arg-type]
        return mean_gain(sides, generator=generator, n_resamples=self._n_resamples)

    def _share(self, way: Way, plain: Way, what: str) -> float:
        """Return what a way's steps take, in shares of what plain ones take: mean over tasks and seeds."""
        spent = [[float(self._looks(one.prompts[run])[-1][what]) for run in way.prompts] for one in (way, plain)]
        return float(np.mean(np.divide(*map(np.array, spent))))

    def _saved(self, way: Way, plain: Way, what: str, generator: np.random.Generator) -> Saved:
        sides = []
        for one in (plain, way):
            looks = [self._looks(one.prompts[run]) for run in way.prompts]
            most = max(map(len, looks))
            sides.append([[*own, *own[-1:] * (most - len(own))] for own in looks])  # one that stopped stays where it is
        whole = [float(own[-1][what]) for own in sides[0]]
        runs = [
            [
                Run(_column(own, what) / total, _column(own, "selection_score"), task, _first_whole(own))
                for own, total, (task, _) in zip(side, whole, way.prompts, strict=True)
            ]
            for side in sides
        ]
        return saved_share(*runs, generator=generator, n_resamples=self._n_resamples)

    def _seconds(self, spec: PromptSpec, n_looks: int, what: str) -> FloatArray:
        """Return the seconds up to each look [T]; unknown of prompts that shared passes with others.

        A growing prompt never does, so seconds of those that do would say more of the company than of growing.
        """
        meta = self._reading.store.meta(spec)
        health = meta.get("health")
        known = health.get(what) if isinstance(health, dict) and "trained_together" not in meta else None
        spent = known if isinstance(known, list) and len(known) == n_looks - 1 else [float("nan")] * (n_looks - 1)
        return np.cumsum([0.0, *spent])

    def _looks(self, spec: PromptSpec) -> list[dict[str, float | bool]]:
        prompt = self._reading.get(spec, Prompt)
        if prompt is None:
            return []
        steps, clock = (self._seconds(spec, len(prompt.history), what) for what in ("step_seconds", "seconds"))
        grown = max((end for end, _ in stages_of(spec)), default=-1)
        return [
            {
                "step": int(str(row["step"])),
                "gflop": _number(row.get("gflop")),
                "seconds": float(spent),
                "clock": float(passed),
                "selection_score": float(str(row["selection_score"])),
                "is_whole": int(str(row["step"])) > grown,
            }
            for row, spent, passed in zip(prompt.history, steps, clock, strict=True)
        ]


def _by_run(specs: Iterator[PromptSpec] | Sequence[PromptSpec]) -> Runs:
    return {(spec.task.name, spec.seed): spec for spec in specs}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _first_whole(looks: Sequence[dict[str, float | bool]]) -> int:
    return next((i for i, look in enumerate(looks) if look["is_whole"]), 0)


def _column(looks: Sequence[dict[str, float | bool]], name: str) -> FloatArray:
    return np.array([float(look[name]) for look in looks])


def _gain(found: MeanGain | None, names: Sequence[str]) -> dict[str, float]:
    if found is None:
        return dict.fromkeys(names, float("nan"))
    return dict(zip(names, (found.difference, found.interval.low, found.interval.high), strict=True))


def _saved(what: str, found: Saved) -> dict[str, object]:
    ends = (np.nan, np.nan) if found.interval is None else (found.interval.low, found.interval.high)
    low, high = (np.nan if np.isinf(end) else end for end in ends)
    return {f"{what}_saved": found.share, f"{what}_low": low, f"{what}_high": high, f"{what}_side": found.side}
