"""Explaining. The section about depth: what a prompt is worth in front of which block."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from transferkit import figures
from transferkit.figures.depths import NAMES
from transferkit.report.depth_parts import depth_parts
from transferkit.report.page import Drawing, Part, Section, Table, Text
from transferkit.report.words import slug, snippet
from transferkit.results import Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LEAST_DEPTHS = 3  # fewer have no middle
MIDDLE = "strictly between the ends"
COLUMNS = {
    "backbone": "backbone",
    "task": "task",
    "generator": "generator",
    "chosen": "chosen depth",
    "score": "its score, %",
    "low": "from",
    "high": "to",
    "first": "at the lowest depth, %",
    "no prompt": "no prompt, %",
    "best": "best depth",
    "best_from": "not told from it: from",
    "best_to": "to depth",
}


def layer_section(results: Results) -> Section | None:
    """Return scores by depth; None where the study has no sweep, or nothing of it is there."""
    points = results.depths.scores()
    known = points.dropna(subset=["score"])
    if known.empty:
        return None
    parts: list[Part] = _claim(results)
    for backbone in dict.fromkeys(known["backbone"]):
        frame = known[known["backbone"] == backbone]
        n_seeds, n = int(frame["n_seeds"].max()), int(frame["n"].max())
        spread = "95 % t intervals over seeds" if n_seeds > 1 else "95 % intervals over examples (Wilson)"
        parts.append(
            Drawing(
                name=f"layers-{slug(backbone)}",
                title=f"Score by depth, {backbone}",
                caption="Score on the report split of the task a prompt was trained for, by the number of blocks that "
                f"run without it (paper's layer − 1). Mean over {n_seeds} seed{'s' if n_seeds > 1 else ''}, n = {n};"
                f" bars are {spread}. In front of block 0 the prompt joins behind the embedding module.",
                draw=partial(_draw, frame, backbone),
                frame=frame,
                snippet=snippet(results, f'tk.figures.layers(results.depths.scores("{backbone}"))'),
                keys=tuple(" ".join(frame["keys"]).split()),
            )
        )
        parts += depth_parts(results, str(backbone))
    best = results.depths.best()
    if len(best):
        parts.append(
            Table(
                name="best-layers",
                title="The best depth, and how sure it is",
                caption="The chosen depth has the highest mean selection score; its score is that of the report split, "
                "with the interval of the figure. The best depth is that of the report split itself. Depths beyond the "
                "last two numbers are ruled out: another's mean is higher by more standard errors than any two of the "
                "sweep differ by chance in 95 % of resamples of seeds and examples. A sweep in which depth does not "
                "matter loses an end one time in twenty at most. Numbers that span the sweep say that depth does not "
                "matter here, or that there is too little data to tell.",
                frame=best,
                columns=COLUMNS,
                percent=("score", "low", "high", "first", "no prompt"),
                snippet=snippet(results, "results.depths.best()"),
                keys=tuple(dict.fromkeys(" ".join(best["keys"]).split())),
            )
        )
    return Section(title="Depth", slug="depth", parts=tuple(parts))


def _draw(frame: pd.DataFrame, backbone: str) -> Figure:
    figure = figures.layers(frame, title=f"Score by depth, {backbone}")[0].get_figure(root=True)
    assert figure is not None
    return figure


def depth_sentence(results: Results) -> str | None:
    """Say where the best depth lies, as far as the sweeps can tell; None without a whole sweep."""
    said = []
    for generator, counts in _places(results).items():
        n = sum(counts.values())
        where = ", ".join(f"{place} in {count}" for place, count in counts.items() if count)
        said.append(f"{NAMES[generator]}, {n} sweep{'s' if n > 1 else ''}: {where}")
    if not said:
        return None
    return (
        "In front of which block is a prompt worth most? The depths that cannot be told from the best (95 %, all"
        f" comparisons of a sweep counted) lie: {'; '.join(said)}."
    )


def _places(results: Results) -> dict[str, dict[str, int]]:
    """Return by generator how many sweeps have their best depth where, as far as the others are ruled out."""
    known = results.depths.best().dropna(subset=["best"])
    known = known[known["n_depths"] >= LEAST_DEPTHS]
    found = {}
    for generator, rows in known.groupby("generator", sort=False):
        after, before = rows["best_from"] > rows["lowest"], rows["best_to"] < rows["deepest"]
        found[str(generator)] = {
            MIDDLE: int((after & before).sum()),
            "above the lowest but perhaps at the deepest": int((after & ~before).sum()),
            "below the deepest but perhaps at the lowest": int((~after & before).sum()),
            "anywhere, the ends included,": int((~after & ~before).sum()),
        }
    return found


def _claim(results: Results) -> list[Part]:
    sentence = depth_sentence(results)
    if sentence is None:
        return [Text(body="Scores by depth are not all there yet, or too few, so no best depth can be named.")]
    best = results.depths.best()
    counts, most = list(_places(results).values()), int(best["n_depths"].max())
    return [
        Text(body=sentence),
        Text(
            body="The paper finds a middle layer best: in front of block 12 of RoBERTa-large's 24. That both ends are"
            f" worse than a middle is shown here in {sum(one[MIDDLE] for one in counts)} of"
            f" {sum(sum(one.values()) for one in counts)}. Ends are those of the sweep: with a generator the lowest"
            " entry is in front of block 1, and of an encoder-decoder the entries are the encoder's, behind which the"
            f" decoder's blocks follow. A sweep of {most} depths has {most - 2} between its ends: it can show that a"
            " middle beats both, but not whether the best share of the stack is a half, a third or two thirds, and it"
            f" says nothing of deeper models. One learning rate serves all depths of a sweep{_unfinished(results)}: a"
            " depth that would need another rate, or more steps, looks worse than it is."
        ),
    ]


def _unfinished(results: Results) -> str:
    """Say in how many runs the selection score was highest at the last step, and so might have risen on."""
    curves = results.depths.curves()
    if curves.empty:
        return ""
    runs = curves.groupby(["backbone", "task", "generator", "insert_after", "seed"])
    scores = [run.set_index("step")["selection_score"] for _, run in runs]
    highest = [score.idxmax() == score.index.max() for score in scores]
    return f", and in {sum(highest)} of {len(highest)} runs the selection score was highest at the last step"
