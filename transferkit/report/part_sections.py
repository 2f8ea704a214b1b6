"""Explaining. The second half of the section about growing backbones: prompts that were trained on parts alone."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from transferkit import figures
from transferkit.report.page import Drawing, Part, Row, Table
from transferkit.report.score_sections import drawn
from transferkit.report.words import slug, snippet
from transferkit.results import Results
from transferkit.results.parts import MEASURES
from transferkit.statistics.part_likeness import N_PERMUTATIONS

if TYPE_CHECKING:
    import pandas as pd

PARTS = {
    "schedule": "schedule",
    "part": "part",
    "share": "arithmetic of a step, %",
    "on_itself": "its prompts on it, %",
    "on_itself_low": "from",
    "on_itself_high": "to",
    "delta": "than the whole's on the whole, points",
    "delta_low": "from  ",
    "delta_high": "to  ",
    "on_whole": "its prompts on the whole, %",
    "on_whole_low": "from ",
    "on_whole_high": "to ",
    "of_whole": "the whole's prompts on it, %",
    "no_prompt": "no prompt on it, %",
}
SHOWN = MEASURES[0]  # in the figure; the table has all


def part_parts(results: Results, backbone: str) -> list[Part]:
    """Return what is known of prompts of parts: where they serve, and how alike they are."""
    frame = results.growth.parts.table(backbone)
    own = f'results.growth.parts.table("{backbone}")'
    title = f"Prompts of parts, {backbone}"
    between = tuple(_between(results, *one) for one in results.growth.parts.schedules if one[0] == backbone)
    return [
        Table(
            name=f"parts-{slug(backbone)}",
            title=title,
            caption="Prompts trained from nothing on a part of the backbone alone: on that part, and, untrained there,"
            " on the whole; the whole's own prompts on the part. Report split, means over tasks and seeds, t intervals"
            " over seeds. d25: a quarter of the blocks, rounded, but at least two; w25: a quarter of the feed-forward"
            f" neurons of each block. Each row has {_over(frame)}.",
            frame=frame,
            columns=PARTS,
            percent=tuple(PARTS)[2:],
            snippet=snippet(results, own),
            keys=keys_of(frame),
        ),
        Drawing(
            name=f"part-scores-{slug(backbone)}",
            title=title,
            caption="The table above, by the arithmetic of a step; the whole backbone stands at 100 %.",
            draw=drawn(lambda: figures.parts(frame, title=title)[0]),
            frame=frame,
            snippet=snippet(results, f"tk.figures.parts({own})"),
            keys=keys_of(frame),
        ),
        Row(parts=between),
        *_likeness(results, backbone),
    ]


def _likeness(results: Results, backbone: str) -> list[Part]:
    alike, tests = results.growth.parts.likeness(backbone), results.growth.parts.likeness_tests(backbone)
    shown = alike[alike["measure"] == SHOWN]
    if shown.empty:
        return []
    title = f"How alike prompts of parts are, {backbone}"
    found: list[Part] = [
        Drawing(
            name=f"likeness-{slug(backbone)}",
            title=title,
            caption="Cosine of prompts laid end to end, by what they share: means over pairs, bars hold 90 % of them."
            " Prompts of one seed begin from the same rows, so as they are they look alike whatever was learned; from"
            " their start, what they began from is taken away. There, the same task and part with another seed is"
            " the ceiling, all different the floor.",
            draw=drawn(lambda: figures.likeness(shown, title=title)[0]),
            frame=alike,
            snippet=snippet(
                results,
                f'tk.figures.likeness(results.growth.parts.likeness("{backbone}").query(\'measure == "{SHOWN}"\'))',
            ),
            keys=results.growth.parts.keys(backbone),
        )
    ]
    if len(tests):
        found.append(
            Table(
                name=f"likeness-tests-{slug(backbone)}",
                title="Are prompts of a task alike across parts?",
                caption="Mean likeness of prompts of one task on two parts, minus that of prompts of two tasks on two"
                " parts, seeds compared with themselves; one-sided p by exchanging the tasks' labels within each part"
                f" ({len(tests)} tests, uncorrected; Euclidean distances of prompts laid end to end are alike in both"
                f" forms). No p can be below {_least_p(tests):.2g}, for no more relabellings are made.",
                frame=tests,
                snippet=snippet(results, f'results.growth.parts.likeness_tests("{backbone}")'),
                keys=results.growth.parts.keys(backbone),
            )
        )
    return found


def _over(frame: pd.DataFrame) -> str:
    """Say how much a row rests on."""
    n_tasks, n_seeds, n = (int(frame[name].max()) for name in ("n_tasks", "n_seeds", "n"))
    return f"{n_tasks} tasks, {n_seeds} seeds and n = {n} examples, of all tasks together"


def _between(results: Results, backbone: str, schedule: str) -> Drawing:
    matrix = results.growth.parts.matrix(backbone, schedule)
    return Drawing(
        name=f"between-parts-{slug(schedule)}-{slug(backbone)}",
        title=f"From part to part, {schedule}",
        caption="Rows: where a prompt was trained; columns: where it is used, untrained there. Means over tasks, each"
        f" with prompts of its own, and seeds: {_over(results.growth.parts.table(backbone))}.",
        draw=drawn(partial(figures.heatmap, matrix)),
        frame=matrix.cells(),
        snippet=snippet(results, f'tk.figures.heatmap(results.growth.parts.matrix("{backbone}", "{schedule}"))'),
        keys=matrix.keys,
    )


def _least_p(tests: pd.DataFrame) -> float:
    """Return the smallest p there can be: labels of all parts but one may be exchanged, or as many times as is done."""
    n_parts, n_tasks = int(tests["n_parts"].iloc[0]), int(tests["n_tasks"].iloc[0])
    return max(1 / math.factorial(n_tasks) ** (n_parts - 1), 1 / (1 + N_PERMUTATIONS))


def keys_of(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the artifacts behind the rows of a table, each once."""
    return tuple(dict.fromkeys(" ".join(frame["keys"]).split()))
