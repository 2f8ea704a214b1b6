"""Figures about depth: as data, compared with golden files, and as objects a reader has to be able to read."""

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figures.legible import check_legible, check_structure, written_in

from transferkit import figures
from transferkit.figures.style import QUIET, contrast, style

GOLDEN = Path(__file__).parents[1] / "golden" / "figures"
TASKS = ("films", "shops_with_a_name")
DEPTHS = range(6)
LONG = "Distance and influence, a-backbone, average pool"
SPANS = {
    "removed": (0.3, 0.8),
    "signal_initial": (0.05, 2.0),
    "sensitivity": (0.1, 90.0),
}  # less and more than a decade


def points(tasks=TASKS):
    kinds = [(task, generator, k) for task in tasks for generator in ("none", "bottleneck") for k in DEPTHS]
    return pd.DataFrame(
        [{"task": t, "generator": g, "insert_after": k} for t, g, k in kinds if g == "none" or k]
    ).assign(distance=lambda rows: len(DEPTHS) - rows["insert_after"])


def scores(tasks=TASKS):
    low = {"low": lambda rows: rows["score"] - 0.04, "high": lambda rows: rows["score"] + 0.05}
    return points(tasks).assign(
        score=lambda rows: 0.7 + 0.022 * rows["insert_after"], **low, **{"no prompt": 0.65, "majority": 0.5}
    )


def influence(tasks=TASKS):
    found = []
    for name, (small, large) in SPANS.items():
        values = np.geomspace(large, small, len(DEPTHS))
        rows = points(tasks).assign(quantity=name, value=lambda rows, each=values: each[rows["insert_after"]])
        found.append(rows.assign(low=-0.01, high=1.5 * rows["value"]))
    return pd.concat(found, ignore_index=True)


def costs(tasks=TASKS):
    return points(tasks).assign(gflop_per_example=lambda rows: 1.2 - 0.15 * rows["insert_after"])


def blocks(tasks=TASKS):
    rows = []
    for task in tasks:
        for k in DEPTHS:
            at = {"task": task, "generator": "none", "insert_after": k}
            for depth in range(k, len(DEPTHS) + 1):
                rows.append({**at, "depth": depth, "quantity": "information", "value": 0.1 + 0.01 * depth * (k + 1)})
            for depth in range(k + 1, len(DEPTHS) + 1):
                rows.append({**at, "depth": depth, "quantity": "similarity", "value": 1 - 0.02 * (depth - k)})
                rows.append({**at, "depth": depth, "quantity": "attention", "value": 0.1 + 0.05 * (depth - k)})
        plain = {"task": task, "generator": "no prompt", "insert_after": 0, "quantity": "information"}
        rows += [{**plain, "depth": depth, "value": 0.1 + 0.01 * depth} for depth in range(len(DEPTHS) + 1)]
    return pd.DataFrame(rows)


def curves(tasks=TASKS):
    rows = [
        {"task": t, "insert_after": k, "seed": s, "step": step, "seconds": step * (6 - k) / 9}
        for t in tasks
        for k in DEPTHS
        for s in (0, 1)
        for step in (0, 24, 48, 72)
    ]
    return pd.DataFrame(rows).assign(
        selection_score=lambda rows: 0.7 + 0.001 * rows["step"] + 0.02 * rows["seed"] - 0.004 * rows["insert_after"]
    )


DRAWN = {
    "trade_off": lambda tasks, title: figures.trade_off(
        scores(tasks), influence(tasks), costs=costs(tasks), title=title
    ),
    "block_lines": lambda tasks, title: figures.block_lines(blocks(tasks), title=title),
    "convergence": lambda tasks, title: figures.convergence(curves(tasks), title=title),
    "layers": lambda tasks, title: [figures.layers(scores(tasks), title=title)],
}


def of(grid):
    return grid[0][0].get_figure(root=True)


def names(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture(scope="module", params=DRAWN)
def name(request):
    return request.param


@pytest.fixture(scope="module", params=[TASKS[:1], ("a", TASKS[1], "c", "d")], ids=len)
def drawn(request, name):
    with style():
        yield DRAWN[name](request.param, LONG)


def test_structure_is_the_golden_one(name, regen):
    with style():
        check_structure(name, of(DRAWN[name](TASKS, None)), regen=regen)


def test_every_text_lies_within_the_figure_and_covers_no_other(drawn, monkeypatch):
    figure = of(drawn)
    check_legible(figure, written_in(figure, monkeypatch))


def test_axes_have_a_few_numbers_that_say_what_they_are(drawn):
    of(drawn).canvas.draw()
    for ax in (ax for row in drawn for ax in row):
        low, high = ax.get_ylim()
        shown = [(t.get_position()[1], t.get_text()) for t in ax.get_yticklabels() if t.get_text()]
        shown = [(at, said) for at, said in shown if low <= at <= high]
        assert 2 <= len(shown) <= 9
        for at, said in shown:
            assert len(said) <= 6
            assert float(said.rstrip("%")) / (100 if "%" in said else 1) == pytest.approx(at)
        for (one, _), (other, _) in pairwise(sorted(shown)):
            assert other > one


@pytest.mark.parametrize("tasks", [TASKS[:1], TASKS], ids=len)
def test_legends_name_every_line_once(tasks):
    depths = [str(k) for k in DEPTHS]
    assert names(of(DRAWN["trade_off"](tasks, None))) == ["plain prompt", "bottleneck", "no prompt"]
    assert names(of(DRAWN["layers"](tasks, None))) == ["plain prompt", "bottleneck", "no prompt", "majority"]
    assert sorted(names(of(DRAWN["block_lines"](tasks, None)))) == [*depths, "no prompt"]
    assert names(of(DRAWN["convergence"](tasks, None))) == depths
    for drawing in ("block_lines", "convergence"):
        figure = of(DRAWN[drawing](tasks, None))
        assert len(figure.legends) == 1
        assert figure.legends[0].get_title().get_text() == "blocks below the prompt"


def test_a_trade_off_has_log_axes_below_the_score_and_distances_above_it():
    with style():
        grid = figures.trade_off(scores(), influence())
        of(grid).canvas.draw()
    assert [row[0].get_yscale() for row in grid] == ["linear", "log", "log", "log"]
    upper = grid[0][0].child_axes[0]
    above = {label.get_text(): label.get_window_extent().x0 for label in upper.get_xticklabels()}
    assert sorted("123456", key=lambda said: above[said]) == list("654321")
    ends = [low[0][1] for bars in grid[1][0].collections for low in bars.get_segments()]
    values = [line.get_ydata()[0] for line in grid[1][0].lines if len(line.get_ydata()) == 1]
    assert min(ends) == pytest.approx(min(values) / 10)  # bars that reach below 0 end there


def test_markers_grow_with_the_arithmetic_of_the_score_alone():
    grid = DRAWN["trade_off"](TASKS, None)
    sizes = [[line.get_markersize() for line in row[0].lines if line.get_marker() == "o"] for row in grid]
    plain = sizes[0][: len(DEPTHS)]
    assert all(a > b for a, b in pairwise(plain))
    assert all(len(set(others)) == 1 for others in sizes[1:])


def test_panels_of_a_task_show_the_same_blocks_and_no_prompt_lies_on_top():
    for column in zip(*DRAWN["block_lines"](TASKS, None), strict=True):
        assert len({ax.get_xlim() for ax in column}) == 1
        (plain,) = [line for line in column[2].lines if line.get_linestyle() == "--"]
        assert plain.get_color() == QUIET
        assert all(plain.get_zorder() > line.get_zorder() for line in column[2].lines if line is not plain)


def test_lines_of_depths_can_be_told_from_each_other_and_from_white():
    for drawing in ("block_lines", "convergence"):
        lines = [line for line in DRAWN[drawing](TASKS, None)[-1][0].lines if line.get_linestyle() == "-"]
        colours = [mpl.colors.to_rgb(line.get_color()) for line in lines]
        assert len(set(colours)) == len(DEPTHS)
        assert all(contrast(colour, (1.0, 1.0, 1.0)) > 1.4 for colour in colours)


def test_curves_are_means_over_seeds():
    first = DRAWN["convergence"](TASKS, None)[0][0].lines[0]
    assert list(first.get_xdata()) == [0, 24, 48, 72]
    assert list(first.get_ydata()) == pytest.approx([0.71, 0.734, 0.758, 0.782])
