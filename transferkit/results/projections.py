"""Explaining. Prompts brought to another backbone: what each way scores there, and what it needs.

A projector whose prompts are the same whatever the source says carries nothing over, so each stands beside a constant
prompt fitted on the same tasks, and the diversity of what it makes is measured (Su et al. 2022 report neither).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.errors import InputError, nearest
from transferkit.matrices import Matrix
from transferkit.results.reading import Cell, Reading
from transferkit.results.scores import paired
from transferkit.results.ways import (
    COSTS,
    OWN,
    SEEN,
    Ways,
    costs,
    is_yardstick,
    method_of,
    named_crossings,
    part_of,
    parts,
    untrained_of,
    ways,
)
from transferkit.specs import AnyScoreSpec, Majority, NoPrompt, RandomPrompt, Spec
from transferkit.statistics.mean_gain import MeanGain, Sides, mean_gain
from transferkit.statistics.spread import collapse, kept, spread
from transferkit.study import Crossing

if TYPE_CHECKING:
    import pandas as pd

CONSTANT = ("constant_distance", "constant_tasks")
FIXED = (NoPrompt, Majority)  # what says the same whatever the seed
PLACE = ("source", "target")
SCORES = (*PLACE, "method", "is_yardstick", "task", "group", "part", "n", "n_seeds", "score", "low", "high", "keys")
GAINS = tuple(f"{what}_{name}" for name in CONSTANT for what in ("gain", "low", "high"))
SHOOT_OUT = (*PLACE, "method", "is_yardstick", "part", "n_tasks", "n_seeds", "score", "least", "largest", *GAINS)
TAKES = ("beats_constant", "n_taught", "needs", *COSTS, "keys")
DIFFERENCES = ("cosine", "difference", "source_cosine", "source_difference", "untrained_difference")
KEPT = ("kept", "kept_of_untrained", "n_pairs", "is_constant", "collapsed")
DIVERSITY = (*PLACE, "method", "is_yardstick", *DIFFERENCES, *KEPT)


class Projections:
    """The part of `Results` that is about other backbones; every table says from which and to which."""

    def __init__(self, reading: Reading, *, seed: int, n_resamples: int) -> None:
        self._reading = reading
        self._seed = seed
        self._n_resamples = n_resamples

    @cached_property
    def _crossings(self) -> dict[tuple[str, str], Crossing]:
        """Every projection by its backbones."""
        return named_crossings(self._reading.question.crossings)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Source and target backbone of every projection; a second between the same two is told by a number."""
        return tuple(self._crossings)

    def crossing(self, source: str, target: str) -> Crossing:
        """Return the projection between two backbones.

        Raises:
            InputError: there is none.
        """
        if (source, target) not in self._crossings:
            known = [f"{a} → {b}" for a, b in self.pairs]
            raise InputError(
                f"no prompts are brought from {source!r} to {target!r}", fix=nearest(f"{source} → {target}", known)
            )
        return self._crossings[source, target]

    def scores(self) -> pd.DataFrame:
        """Return one row per way and task: mean over seeds with its interval; `part` says whether it was held out."""
        import pandas as pd

        rows = []
        for place, crossing in self._crossings.items():
            groups = {spec.task.name: spec.task.group for spec in crossing.scores}
            for method, by_task in ways(crossing).items():
                for task, specs in by_task.items():
                    cell = self._reading.mean(specs)
                    facts = {**_named(place), "method": method, "is_yardstick": is_yardstick(crossing, method)}
                    facts |= {"task": task, "group": groups[task], "part": part_of(crossing, task)}
                    found = {"n": cell.n, "n_seeds": len(specs), "score": cell.value, "low": cell.low}
                    rows.append({**facts, **found, "high": cell.high, "keys": " ".join(cell.keys)})
        return pd.DataFrame(rows, columns=SCORES)

    def shoot_out(self) -> pd.DataFrame:
        """Return one row per way and part of the tasks: mean score, gain over the constant prompts, and what it takes.

        `least` and `largest` are scores of single tasks; a way whose score of some task is missing has no row. Gains
        have 95 % intervals, the tasks held fixed. A way beats the constant prompt where its whole interval lies above
        zero for each constant prompt of the projection; that is None while one to compare with is missing, and for
        constant prompts themselves. So it is on the seen task where there is but one (`n_taught`): constant prompts
        are that task's own there.
        """
        return self._shoot_out.copy()

    @cached_property
    def _shoot_out(self) -> pd.DataFrame:
        import pandas as pd

        rows = []
        for n, (place, crossing) in enumerate(self._crossings.items()):
            known = ways(crossing)
            for part, tasks in parts(crossing).items():
                for i, (method, by_task) in enumerate(known.items()):
                    cells = [self._reading.mean(by_task.get(task, [])) for task in tasks]
                    scores = np.array([cell.value for cell in cells])
                    if np.isnan(scores).any():
                        continue
                    row: dict[str, object] = {**_named(place), "method": method, "part": part}
                    row |= {"is_yardstick": is_yardstick(crossing, method), "n_tasks": len(cells)}
                    row |= {"n_seeds": min(len(by_task[task]) for task in tasks), "score": float(scores.mean())}
                    row |= {"least": float(scores.min()), "largest": float(scores.max())}
                    generator = np.random.default_rng([self._seed, n, i])
                    row |= self._gains(crossing, known, method, tasks, generator)
                    if part == SEEN and len(crossing.train_on) == 1:
                        row["beats_constant"] = None
                    row |= {"n_taught": len(crossing.train_on)} | costs(self._reading.store, crossing, method)
                    rows.append({**row, "keys": " ".join(name for cell in cells for name in cell.keys)})
        table = pd.DataFrame(rows, columns=[*SHOOT_OUT, *TAKES])
        return table.astype({"beats_constant": object})

    def diversity(self) -> pd.DataFrame:
        """Return one row per projector: how much its prompts of different tasks differ, beside how much theirs did.

        Means over pairs of tasks of one seed: cosine of the flattened prompts, and distance over mean norm. Where
        prompts differ by less than a hundredth of their size, the projector has collapsed (`is_constant`); a constant
        prompt is so by design. It nearly has (`collapsed`) where they have `kept` less than a twentieth of what the
        source's prompts differ by, or of what the same network makes of these before it is trained.
        """
        return self._diversity.copy()

    @cached_property
    def _diversity(self) -> pd.DataFrame:
        import pandas as pd

        rows = []
        for place, crossing in self._crossings.items():
            began = self._spread([(spec.seed, spec) for spec in crossing.brought])
            found = {m.name: self._made(crossing, m.name) for m in crossing.methods}
            for method, made in found.items():
                if made is None:
                    continue
                row = {**_named(place), "method": method, "is_yardstick": is_yardstick(crossing, method)}
                row |= dict(zip(("cosine", "difference", "n_pairs"), made, strict=True))
                given = (np.nan, np.nan) if began is None else began[:2]
                row |= dict(zip(("source_cosine", "source_difference"), given, strict=True))
                plain = found.get(untrained_of(crossing, method))
                before = np.nan if plain is None else plain[1]
                parts_kept = kept(made[1], given[1]), kept(made[1], before)
                row |= {"untrained_difference": before, "kept": parts_kept[0], "kept_of_untrained": parts_kept[1]}
                verdict = collapse(made[1], *parts_kept)
                rows.append({**row, "is_constant": verdict == "yes", "collapsed": verdict})
        return pd.DataFrame(rows, columns=DIVERSITY)

    def matrix(self, source: str, target: str) -> Matrix:
        """Return scores of every way [way,task]; tasks that projectors saw come first."""
        crossing = self.crossing(source, target)
        known = ways(crossing)
        tasks = [(task, part) for part, names in parts(crossing).items() for task in names]
        cells = [[self._reading.mean(by_task.get(task, [])) for task, _ in tasks] for by_task in known.values()]
        yardstick = ["yardsticks" if is_yardstick(crossing, name) else "projectors" for name in known]
        return _matrix(
            cells,
            sources=([name.replace("_", " ") for name in known], yardstick),
            targets=([task for task, _ in tasks], [part for _, part in tasks]),
            name=f"score on {target}, prompts of {source}",
        )

    def pair_matrix(self, method: str) -> Matrix:
        """Return what one kind of projector scores [pair of backbones,task], beside the target's own prompts.

        Raises:
            InputError: no projection has this kind.
        """
        names = list(dict.fromkeys(m.name for crossing in self._crossings.values() for m in crossing.methods))
        if method not in names:
            raise InputError(f"no projection has a projector {method!r}", fix=nearest(method, names))
        found: dict[str, dict[str, list[AnyScoreSpec]]] = {}
        groups: dict[str, str] = {}
        for (source, target), crossing in self._crossings.items():
            known = ways(crossing)
            for name, label in ((method, f"{source} → {target}"), (OWN, f"{target} → {target}")):
                if method in known and name in known:
                    found.setdefault(label, {}).update(known[name])
                    groups[label] = target
        tasks = list(dict.fromkeys(task for crossing in self._crossings.values() for task in crossing.tasks))
        return _matrix(
            [[self._reading.mean(by_task.get(task, [])) for task in tasks] for by_task in found.values()],
            sources=(list(found), list(groups.values())),
            targets=(tasks, ["task"] * len(tasks)),
            name=f"score of prompts brought by {method.replace('_', ' ')}",
        )

    # --- parts of a row ----------------------------------------------------------------------------------------------
    def _gains(
        self, crossing: Crossing, known: Ways, method: str, tasks: tuple[str, ...], generator: np.random.Generator
    ) -> dict[str, object]:
        found: dict[str, object] = dict.fromkeys(GAINS, np.nan)
        verdicts: list[bool | None] = []
        for constant in CONSTANT:
            if constant == method or method_of(crossing, constant) is None:
                continue
            gain = self._gain(known, method, constant, tasks, generator)
            verdicts.append(None if gain is None else gain.is_above)
            if gain is not None:
                found[f"gain_{constant}"] = gain.difference
                found[f"low_{constant}"], found[f"high_{constant}"] = gain.interval.low, gain.interval.high
        is_known = bool(verdicts) and (False in verdicts or None not in verdicts) and method not in CONSTANT
        return {**found, "beats_constant": all(verdicts) if is_known else None}

    def _gain(
        self, known: Ways, method: str, other: str, tasks: tuple[str, ...], generator: np.random.Generator
    ) -> MeanGain | None:
        sides = []
        for task in tasks:
            pair = [known.get(name, {}).get(task, []) for name in (method, other)]
            if not all(pair):
                return None
            if isinstance(pair[0][0].source, FIXED):
                pair[0] = pair[0] * len(pair[1])
            if len(pair[0]) != len(pair[1]) or isinstance(pair[0][0].source, RandomPrompt):  # draws are no seeds
                return None
            found, facts = paired(self._reading, *pair), pair[0][0].task
            if found is None:
                return None
            sides.append(Sides(found.first, found.second, found.gold, facts.metric, facts.n_classes))  # type: ignore[arg-type]
        return mean_gain(sides, generator=generator, n_resamples=self._n_resamples)

    def _made(self, crossing: Crossing, method: str) -> tuple[float, float, int] | None:
        return self._spread([(spec.prompt.seed, spec) for spec in crossing.projected if spec.method == method])

    def _spread(self, specs: Sequence[tuple[int, Spec]]) -> tuple[float, float, int] | None:
        """Return what `spread` says of the prompts that are there, by seed."""
        by_seed: dict[int, list[np.ndarray]] = {}
        for seed, spec in specs:
            if (prompt := self._reading.get(spec, Prompt)) is not None:
                by_seed.setdefault(seed, []).append(prompt.vectors)
        return spread(by_seed)


def _matrix(
    cells: Sequence[Sequence[Cell]],
    *,
    sources: tuple[list[str], list[str]],
    targets: tuple[list[str], list[str]],
    name: str,
) -> Matrix:
    def of(what: str) -> np.ndarray:
        return np.array([[getattr(cell, what) for cell in row] for row in cells]).reshape(len(cells), len(targets[0]))

    return Matrix(
        values=of("value"),
        state=of("state"),
        n=of("n"),
        low=of("low"),
        high=of("high"),
        sources=tuple(sources[0]),
        source_groups=tuple(sources[1]),
        targets=tuple(targets[0]),
        target_groups=tuple(targets[1]),
        name=name,
        interval="95 %: t over seeds or random draws, else over examples",
        keys=tuple(dict.fromkeys(name for row in cells for cell in row for name in cell.keys)),
    )


def _named(place: tuple[str, str]) -> dict[str, object]:
    return dict(zip(PLACE, place, strict=True))
