"""Which stored prompts suit a new task? Each answers a few of its labelled examples, and the answers are judged.

The one module that joins the two halves for a user: `suggesting` makes the answers, `statistics.choosing` judges them.
Nothing is trained, and nothing is written.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from transferkit import advice
from transferkit.candidates import Candidate, Candidates, find_candidates, find_task, merge
from transferkit.errors import InputError
from transferkit.progress import Reporter
from transferkit.statistics import Choice, choose, compare
from transferkit.store import Store
from transferkit.tasks import SHARED_TEXTS
from transferkit.tasks.base import Task

if TYPE_CHECKING:
    import pandas as pd

    from transferkit.suggesting import Answers

SHOWN = ("rank", "key", "task", "seed", "how", "own", "score", "95 %", "loss", "p best", "may be best")


@dataclass(frozen=True)
class Suggestion:
    """Stored prompts ranked for a task.

    Attributes:
        task, backbone: what was asked of which.
        metric: what `score` counts.
        n_examples: examples of the training split behind every number.
        seed: of their draw, and of the resamples.
        table: one row per prompt from the best on: rank, key, task (several where prompts of several hold the same
            rows), seed, how (what else tells it from others), relation ("own": trained on this task; "saw this task": a
            projector fitted on it, or a prompt of it, is behind it; "may have seen it": not all it was made of is
            stored; "shares texts"; or empty), score with low and high (95 %), loss (mean cross-entropy), p_best (how
            likely it is the best of all), may_be_best (not ruled out at 95 %), n_needed (about how many examples would
            rule it out), saw (all tasks it was made with), alike (keys of the other prompts of the same rows).
        baselines: the same of no prompt and of the majority: name, score, low, high, loss.
        sentences: what can be said, and how sure it is.
    """

    task: str
    backbone: str
    metric: str
    n_examples: int
    seed: int
    table: pd.DataFrame
    baselines: pd.DataFrame
    sentences: tuple[str, ...]

    def rows(self, top: int) -> list[tuple[str, ...]]:
        """Return the first prompts and the baselines as words, under the names of `SHOWN`."""
        found = [
            (
                *(str(row[name]) for name in ("rank", "key")),
                advice.few(row["task"]),
                *(str(row[name]) for name in ("seed", "how", "relation")),
                *_numbers(row),
                f"{row['p_best']:.2f}",
                "yes" if row["may_be_best"] else "no",
            )
            for row in self.table.head(top).to_dict("records")
        ]
        rest = [
            ("", "", str(row["name"]), "", "", "", *_numbers(row), "", "") for row in self.baselines.to_dict("records")
        ]
        return [*found, *rest]

    def to_json(self, top: int | None = None) -> str:
        """Return everything as JSON; of the prompts only the first ones, where a number is given."""
        whole = {name: getattr(self, name) for name in ("task", "backbone", "metric", "n_examples", "seed")}
        prompts = self.table if top is None else self.table.head(top)
        whole |= {"n_prompts": len(self.table), "prompts": _records(prompts), "baselines": _records(self.baselines)}
        return json.dumps({**whole, "sentences": self.sentences}, indent=1, ensure_ascii=False)


def suggest(
    task: str | Task,
    store: Store,
    *,
    backbone: str | None = None,
    n_examples: int = 32,
    seed: int = 0,
    foreign: bool = False,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    cache: Path | None = None,
    reporter: Reporter | None = None,
) -> Suggestion:
    """Rank all prompts of a backbone for a task by a few labelled examples of its training split.

    Args:
        task: a task, or the name of one of the catalogue or the store.
        store: whose prompts are tried; nothing is written to it.
        backbone: catalogue name, local folder or hub id; the only one of the store by default.
        n_examples: how many examples each prompt answers.
        seed: of their draw, and of the resamples.
        foreign: whether prompts are left out that were trained on this very task, or made of something that was:
            trained on from its prompt, or brought by a projector fitted on it.
        device: where the backbone runs.
        cache: the catalogue's folder; the user's cache by default.
        reporter: shows progress; silent by default.

    Raises:
        InputError: a name, an asset, prompts or examples are missing; said before the backbone is loaded.
    """
    candidates = find_candidates(store, backbone)
    asked = find_task(task, candidates) if isinstance(task, str) else task
    distinct = merge(candidates, store)
    tried = _tried(distinct, asked.name, foreign=foreign)
    from transferkit.suggesting import ask  # brings torch: a mistyped name is answered before

    found = ask(
        asked,
        tried,
        store,
        n_examples=n_examples,
        seed=seed,
        device=device,
        cache=cache,
        reporter=reporter,
    )
    generator = np.random.default_rng(seed)
    how: dict[str, Any] = {"generator": generator, "metric": asked.metric, "n_classes": asked.n_classes}
    choice = choose(found.said, found.gold, found.losses, **how)
    alone, loss = found.alone
    beside = choose(np.vstack([found.said, alone]), found.gold, np.append(found.losses, loss), **how)
    table, baselines = _table(found, choice, asked.name), _baselines(found, asked, generator)
    gain = compare(found.said[choice.order[:1]], alone[None], found.gold, **how)
    said = advice.sentences(
        asked,
        table,
        baselines,
        choice,
        gain,
        n_examples=found.said.shape[1],
        beats_nothing=not beside.may_be_best[-1],
        left_out={
            "imported": candidates.n_unplaced + len(tried.prompts) - len(found.prompts),
            **(_relations(distinct, asked.name) - _relations(tried, asked.name)),
        },
    )
    return Suggestion(asked.name, tried.backbone, asked.metric, found.said.shape[1], seed, table, baselines, said)


def _tried(candidates: Candidates, task: str, *, foreign: bool) -> Candidates:
    prompts = tuple(one for one in candidates.prompts if not (foreign and _relation(one, task) in advice.SEEN))
    if not prompts:
        raise InputError(
            f"foreign = true leaves none of the {len(candidates.prompts)} prompts: all were trained on {task!r}, or"
            " made of something that was",
            fix="leave out --foreign, or train prompts of other tasks",
        )
    return dataclasses.replace(candidates, prompts=prompts)


def _table(found: Answers, choice: Choice, task: str) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for rank, i in enumerate(choice.order.tolist(), start=1):
        prompt = found.prompts[i]
        row = {
            "rank": rank,
            "key": prompt.key,
            "task": advice.PLUS.join(prompt.tasks),
            "seed": prompt.seed,
            "how": prompt.how,
        }
        row |= {"relation": _relation(prompt, task), "score": choice.scores[i]}
        row |= {"low": choice.low[i], "high": choice.high[i], "loss": found.losses[i]}
        row |= {"p_best": choice.probability[i], "may_be_best": bool(choice.may_be_best[i])}
        row |= {"n_needed": choice.n_needed[i], "saw": ", ".join(sorted(prompt.saw))}
        rows.append({**row, "alike": ", ".join(one.key for one in prompt.alike)})
    return pd.DataFrame(rows)


def _relation(prompt: Candidate, task: str) -> str:
    if task in prompt.saw:
        return "own" if task in prompt.tasks else "saw this task"
    if not prompt.is_whole:
        return "may have seen it"
    return "shares texts" if any(task in together and prompt.saw & together for together in SHARED_TEXTS) else ""


def _relations(candidates: Candidates, task: str) -> Counter[str]:
    return Counter(_relation(prompt, task) for prompt in candidates.prompts)


def _baselines(found: Answers, asked: Task, generator: np.random.Generator) -> pd.DataFrame:
    import pandas as pd

    said = {"no prompt": found.alone} | ({} if found.majority is None else {"majority": (found.majority, np.nan)})
    answers, losses = zip(*said.values(), strict=True)
    judged = choose(
        np.stack(answers),
        found.gold,
        np.array(losses),
        generator=generator,
        metric=asked.metric,
        n_classes=asked.n_classes,
    )
    columns = {"score": judged.scores, "low": judged.low, "high": judged.high, "loss": losses}
    return pd.DataFrame({"name": list(said), **columns})


def _numbers(row: dict[Hashable, Any]) -> tuple[str, str, str]:
    loss = "" if np.isnan(row["loss"]) else f"{row['loss']:.3f}"
    return f"{row['score']:.1%}", f"{row['low']:.0%} – {row['high']:.0%}", loss


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    return json.loads(table.to_json(orient="records"))
