"""Explaining. Prompts trained on parts of a backbone alone: what they score there and on the whole, and how alike.

Table 1 of Huang et al. 2022, and their observation that prompts of a task are alike whatever part they were trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np

from transferkit.artifacts import Prompt, Score
from transferkit.errors import InputError, nearest
from transferkit.indicators import CosineAverage, CosineConcat, EuclideanAverage, EuclideanConcat, PromptIndicator
from transferkit.matrices import Matrix
from transferkit.results.reading import Reading
from transferkit.specs import BackboneSpec, PromptSpec, ScoreSpec, key
from transferkit.statistics import over_seeds
from transferkit.statistics.part_likeness import part_likeness
from transferkit.study import GrowthSpecs, OnPart

if TYPE_CHECKING:
    import pandas as pd

WHOLE = "whole"
Form = Literal["as they are", "from their start"]
FORMS: dict[Form, tuple[PromptIndicator, ...]] = {
    "as they are": (CosineConcat(), CosineAverage(), EuclideanConcat(), EuclideanAverage()),
    "from their start": tuple(
        kind(of="change") for kind in (CosineConcat, CosineAverage, EuclideanConcat, EuclideanAverage)
    ),
}
MEASURES = ("cosine_concat", "cosine_average", "euclidean_concat", "euclidean_average")
ITSELF, BROUGHT = "on_itself", "on_whole"
SCORES = tuple(f"{what}{end}" for what in (ITSELF, BROUGHT) for end in ("", "_low", "_high"))
COUNTS = ("n_tasks", "n_seeds", "n")
DELTA = ("delta", "delta_low", "delta_high")
TABLE = ("backbone", "schedule", "part", "depth", "width", "share", *COUNTS, *SCORES, "of_whole", "no_prompt", *DELTA)
RELATIONS = {  # whether task, part and seed are the same
    (True, False, True): "same task and seed, other part",
    (True, True, False): "same task and part, other seed",
    (True, False, False): "same task, other part and seed",
    (False, True, True): "other task, same part and seed",
    (False, False, True): "other task and part, same seed",
    (False, True, False): "other task and seed, same part",
    (False, False, False): "all different",
}
LIKENESS = ("backbone", "form", "measure", "relation", "mean", "low", "high", "n_pairs")
Member = tuple[str, str, int, Prompt]  # task, part, seed
SPREAD = (5, 95)  # per cent of the pairs that lie below the ends


class Parts:
    """What a study's prompts of parts come to; empty tables where it has none."""

    def __init__(self, reading: Reading, specs: GrowthSpecs | None, *, seed: int) -> None:
        self._reading = reading
        self._specs = specs
        self._seed = seed

    @property
    def schedules(self) -> tuple[tuple[str, str], ...]:
        """Backbone and name of every schedule whose parts have prompts of their own."""
        return tuple(dict.fromkeys((one.plain.backbone.name, one.schedule) for one in self._on_parts()))

    def table(self, backbone: str | None = None) -> pd.DataFrame:
        """Return one row per schedule and part, the whole backbone last: means over tasks and seeds, report split.

        Columns: `share` of the arithmetic of a step, of the whole's; `on_itself`, prompts of the part on the part, with
        a t interval over seeds; `on_whole`, the same prompts on the whole backbone, untrained there; `of_whole`, the
        whole's own prompts on the part; `no_prompt` on the part; `delta`, `on_itself` minus the whole's, seed by
        seed, with a t interval; `n` examples of all tasks together. A part without `on_itself` has no row.
        """
        import pandas as pd

        rows = []
        for name, schedule in self.schedules:
            if backbone in (None, name):
                rows += [row for row in self._rows(name, schedule) if not np.isnan(row["on_itself"])]
        return pd.DataFrame(rows, columns=[*TABLE, "keys"])

    def matrix(self, backbone: str, schedule: str) -> Matrix:
        """Return scores of prompts trained on each part, used on each part [source,target]; the whole comes last.

        Raises:
            InputError: the study has no such prompts.
        """
        found = [one for one in self._on_parts(backbone) if one.schedule == schedule]
        if not found:
            known = [f"{name}, {which}" for name, which in self.schedules]
            raise InputError(
                f"no prompts were trained on parts of {backbone!r} by schedule {schedule!r}",
                fix=nearest(f"{backbone}, {schedule}", known) if known else "set parts = true in [growth]",
            )
        names = [*dict.fromkeys(_part_of(one, backbone) for one in found), WHOLE]
        prompts = {name: [one.prompt for one in found if _part_of(one, backbone) == name] for name in names}
        prompts[WHOLE] = list({key(one.plain): one.plain for one in found}.values())
        homes = {name: {spec.task.name: spec.backbone for spec in specs} for name, specs in prompts.items()}
        cells = [[self._used(prompts[source], homes[target]) for target in names] for source in names]
        groups = ("part",) * (len(names) - 1) + (WHOLE,)
        return Matrix(
            values=np.array([[np.nan if value is None else float(value.mean()) for value, _ in row] for row in cells]),
            sources=tuple(names),
            targets=tuple(names),
            source_groups=groups,
            target_groups=groups,
            name=f"score of prompts of parts of {backbone}, {schedule}",
            keys=tuple(dict.fromkeys(name for row in cells for _, keys in row for name in keys)),
        )

    def likeness(self, backbone: str) -> pd.DataFrame:
        """Return how alike prompts are by what they share: task, part, seed; the whole counts as a part.

        One row per form (as they are; from where their training began), measure (those of Su et al. 2022) and relation:
        mean over pairs, and between which values 90 % of them lie. From their start, "same task and part, other seed"
        is the ceiling and "all different" the floor; as they are, prompts of one seed share what they began from too.
        """
        import pandas as pd

        members = list(self._members(backbone))
        rows = []
        for form, indicators in FORMS.items() if members else ():
            for measure, indicator in zip(MEASURES, indicators, strict=True):
                values = indicator([prompt for *_, prompt in members], [prompt for *_, prompt in members])
                found: dict[str, list[float]] = {name: [] for name in RELATIONS.values()}
                for i, j in combinations(range(len(members)), 2):
                    shared = _shared(members[i], members[j])
                    if shared in RELATIONS:
                        found[RELATIONS[shared]].append(float(values[i, j]))
                for relation, each in found.items():
                    if each:
                        low, high = np.percentile(each, SPREAD)
                        row = (backbone, form, measure, relation, float(np.mean(each)), low, high, len(each))
                        rows.append(dict(zip(LIKENESS, row, strict=True)))
        return pd.DataFrame(rows, columns=LIKENESS)

    def keys(self, backbone: str) -> tuple[str, ...]:
        """Return the prompts that are compared, those of the whole included, whether they are there or not."""
        found = [spec for one in self._on_parts(backbone) for spec in (one.prompt, one.plain)]
        return tuple(dict.fromkeys(map(key, found)))

    def likeness_tests(self, backbone: str) -> pd.DataFrame:
        """Return whether prompts of a task are alike across parts beyond those of other tasks: difference, p and n.

        One row per form and measure; prompts of one seed are compared, and their likeness averaged over seeds.
        """
        import pandas as pd

        members = list(self._members(backbone))
        tasks, parts, seeds = (
            list(dict.fromkeys(task for task, *_ in members)),
            list(dict.fromkeys(part for _, part, *_ in members)),
            list(dict.fromkeys(seed for *_, seed, _ in members)),
        )
        rows = []
        if not members or len(members) != len(tasks) * len(parts) * len(seeds):  # something is missing
            return pd.DataFrame(rows, columns=["form", "measure", "difference", "p", "n_parts", "n_tasks", "n_seeds"])
        by_place = {(task, part, seed): prompt for task, part, seed, prompt in members}
        for form, indicators in FORMS.items():
            for measure, indicator in zip(MEASURES, indicators, strict=True):
                mean = np.mean(
                    [
                        indicator(same, same).reshape(len(parts), len(tasks), len(parts), len(tasks))
                        for seed in seeds
                        for same in [[by_place[task, part, seed] for part in parts for task in tasks]]
                    ],
                    axis=0,
                )
                found = part_likeness(mean, generator=np.random.default_rng(self._seed))
                if found is not None:
                    row = {"form": form, "measure": measure, "difference": found.difference, "p": found.p}
                    rows.append(row | {"n_parts": len(parts), "n_tasks": len(tasks), "n_seeds": len(seeds)})
        return pd.DataFrame(rows, columns=["form", "measure", "difference", "p", "n_parts", "n_tasks", "n_seeds"])

    # --- details -----------------------------------------------------------------------------------------------------
    def _on_parts(self, backbone: str | None = None) -> tuple[OnPart, ...]:
        found = () if self._specs is None else self._specs.on_parts
        return tuple(one for one in found if backbone in (None, one.plain.backbone.name))

    def _members(self, backbone: str) -> Iterator[Member]:
        """Yield task, part, seed and prompt of every prompt that is there, the whole backbone's included.

        Two rules may keep the same of a backbone, as even and nested choices of few blocks do: their prompts are equal
        in every byte, and such a part counts once.
        """
        asked = {}
        for one in self._on_parts(backbone):
            asked[key(one.prompt)] = (_part_of(one, backbone), one.prompt)
            asked[key(one.plain)] = (WHOLE, one.plain)
        by_part: dict[str, list[Member]] = {}
        for part, spec in asked.values():
            if (prompt := self._reading.get(spec, Prompt)) is not None:
                by_part.setdefault(part, []).append((spec.task.name, part, spec.seed, prompt))
        different = {}
        for members in by_part.values():
            rows = frozenset((task, seed, prompt.vectors.tobytes()) for task, _, seed, prompt in members)
            different.setdefault(rows, members)
        yield from (member for members in different.values() for member in members)

    def _rows(self, backbone: str, schedule: str) -> Iterator[dict[str, float]]:
        found = [one for one in self._on_parts(backbone) if one.schedule == schedule]
        plain = list({key(one.plain): one.plain for one in found}.values())
        home = {spec.task.name: spec.backbone for spec in plain}
        own, own_keys = self._used(plain, home)
        for name in dict.fromkeys(_part_of(one, backbone) for one in found):
            here = [one for one in found if _part_of(one, backbone) == name]
            specs, part = [one.prompt for one in here], here[0].prompt.backbone.partial
            assert part is not None
            own_home = {spec.task.name: spec.backbone for spec in specs}
            itself, keys = self._used(specs, own_home)
            brought, brought_keys = self._used(specs, home)
            row: dict[str, object] = {"backbone": backbone, "schedule": schedule, "part": name}
            row |= {"depth": part.depth, "width": part.width, "share": self._share(here)}
            row |= _with_interval(ITSELF, itself) | _with_interval(BROUGHT, brought)
            of_whole, whole_keys = self._used(plain, own_home)
            bare, bare_keys = self._bare(specs)
            row |= {"of_whole": _mean(of_whole), "no_prompt": _mean(bare)} | _counts(self._reading, self._specs, specs)
            row |= _with_interval("delta", None if itself is None or own is None else itself - own, least=-1.0)
            row["keys"] = " ".join([*keys, *brought_keys, *whole_keys, *bare_keys])
            yield row  # type: ignore[misc]
        row = {"backbone": backbone, "schedule": schedule, "part": WHOLE, "depth": 1.0, "width": 1.0, "share": 1.0}
        row |= _with_interval(ITSELF, own) | _with_interval(BROUGHT, own)
        bare, bare_keys = self._bare(plain)
        row |= {"of_whole": _mean(own), "no_prompt": _mean(bare)} | _counts(self._reading, self._specs, plain)
        row |= dict.fromkeys(DELTA, 0.0)
        yield {**row, "keys": " ".join([*own_keys, *bare_keys])}  # type: ignore[misc]

    def _used(
        self, prompts: Sequence[PromptSpec], homes: dict[str, BackboneSpec]
    ) -> tuple[np.ndarray | None, tuple[str, ...]]:
        """Return scores of prompts on their own tasks, on a backbone for each [seed]; None where one is missing."""
        assert self._specs is not None
        return self._by_seed({spec: self._specs.score(spec, on=homes[spec.task.name]) for spec in prompts})

    def _bare(self, prompts: Sequence[PromptSpec]) -> tuple[np.ndarray | None, tuple[str, ...]]:
        assert self._specs is not None
        return self._by_seed({spec: self._specs.bare(spec) for spec in prompts})

    def _by_seed(self, asked: dict[PromptSpec, ScoreSpec]) -> tuple[np.ndarray | None, tuple[str, ...]]:
        values: dict[int, list[float]] = {}
        for spec, score in asked.items():
            found = self._reading.get(score, Score)
            if found is None:
                return None, ()
            values.setdefault(spec.seed, []).append(found.metrics[score.task.metric])
        return np.array([np.mean(each) for each in values.values()]), tuple(key(score) for score in asked.values())

    def _share(self, here: Sequence[OnPart]) -> float:
        """Return the arithmetic of a part's steps, of the whole's: mean over tasks."""
        found = []
        for one in here:
            both = [self._reading.get(spec, Prompt) for spec in (one.prompt, one.plain)]
            spent = [_of_a_step(prompt) for prompt in both if prompt is not None]
            found += [spent[0] / spent[1]] if len(spent) == len(both) else []
        return float(np.mean(found)) if found else float("nan")


def _shared(one: Member, other: Member) -> tuple[bool, bool, bool]:
    """Return whether task, part and seed of two prompts are the same."""
    return one[0] == other[0], one[1] == other[1], one[2] == other[2]


def _of_a_step(prompt: Prompt) -> float:
    last = prompt.history[-1]
    spent = last.get("gflop")
    return float(spent) / int(str(last["step"])) if isinstance(spent, int | float) else float("nan")


def _part_of(one: OnPart, backbone: str) -> str:
    return one.prompt.backbone.name.removeprefix(f"{backbone}-")


def _mean(values: np.ndarray | None) -> float:
    return float("nan") if values is None else float(values.mean())


def _counts(reading: Reading, specs: GrowthSpecs | None, prompts: Sequence[PromptSpec]) -> dict[str, int]:
    """Return tasks, seeds, and examples of all tasks together."""
    assert specs is not None
    scores = {spec.task.name: reading.get(specs.score(spec), Score) for spec in prompts}
    n = sum(score.n for score in scores.values() if score is not None)
    return {"n_tasks": len(scores), "n_seeds": len({spec.seed for spec in prompts}), "n": n}


def _with_interval(name: str, values: np.ndarray | None, *, least: float = 0.0) -> dict[str, float]:
    interval = None if values is None else over_seeds(values)
    low, high = (float("nan"), float("nan")) if interval is None else (interval.low, interval.high)
    low, high = np.clip([low, high], least, 1.0).tolist()
    return {name: _mean(values), f"{name}_low": low, f"{name}_high": high}
