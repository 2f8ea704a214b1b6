"""Figures about growing backbones and their parts: as data, compared with golden files, and as a reader sees them."""

from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from figures.legible import check_legible, check_structure, written_in

from transferkit import figures
from transferkit.figures.growth import TIMES, way_colours
from transferkit.figures.style import INK, PALETTE, QUIET, TIP, style

TASKS = ("films", "shops_with_a_name")
FOUR = (*TASKS, "entails", "follows")
WAYS = ("plain", "depth", "width", "both")
STEPS = (0, 20, 40, 60, 80, 100)
GROWN = 60  # the last look at a part
LONG = "Training while the backbone grows, a-backbone"
SHARES = {"depth": (0.3, 0.53, 0.77), "width": (0.5, 0.67, 0.84), "both": (0.15, 0.37, 0.64)}
NAMES = {"depth": "d{0}", "width": "w{0}", "both": "d{0}-w{0}"}
RELATIONS = (
    "same task and seed, other part",
    "same task and part, other seed",
    "same task, other part and seed",
    "other task, same part and seed",
    "all different",
)


def curves(tasks=TASKS, seeds=(0, 1), ways=WAYS, steps=STEPS, cost=4.0):
    """Scores differ by task, way and seed, and so does the arithmetic: of the plain way four times a part's."""
    rows = []
    for (i, task), (j, way), seed in ((t, w, s) for t in enumerate(tasks) for w in enumerate(ways) for s in seeds):
        for step in steps:
            on_part = 0 if way == "plain" else min(step, GROWN)
            gflop = cost * (step - 0.75 * on_part) * (1 + 0.1 * seed)
            score = 0.5 + 0.003 * step - 0.002 * on_part + 0.02 * seed + 0.03 * i - 0.01 * j
            at = {"task": task, "seed": seed, "way": way, "step": step, "gflop": gflop, "seconds": gflop / 7}
            rows.append(at | {"selection_score": score, "is_whole": way == "plain" or step > GROWN})
    return pd.DataFrame(rows)


def scored(schedules=tuple(SHARES), suffix=""):
    rows = []
    for schedule in schedules:
        names = [NAMES[schedule].format(f"{percent}{suffix}") for percent in (25, 50, 75)]
        for part, share in zip((*names, "whole"), (*SHARES[schedule], 1.0), strict=True):
            there, back = 0.6 + 0.25 * share, 0.4 + 0.45 * share
            row = {"schedule": schedule + suffix, "part": part, "share": share, "on_itself": there, "on_whole": back}
            row |= {"on_itself_low": there - 0.03, "on_itself_high": there + 0.02}
            row |= {"on_whole_low": back - 0.05, "on_whole_high": back + 0.04}
            rows.append(row | {"of_whole": back - 0.1 * (1 - share), "no_prompt": 0.5 + 0.1 * share})
    return pd.DataFrame(rows)


def alike(forms=("as they are", "from their start")):
    rows = [
        {"form": form, "relation": relation, "mean": (0.95, 0.5)[j] - 0.13 * i, "n_pairs": 12 * (i + 1)}
        for j, form in enumerate(forms)
        for i, relation in enumerate(RELATIONS)
    ]
    return pd.DataFrame(rows).assign(low=lambda rows: rows["mean"] - 0.05, high=lambda rows: rows["mean"] + 0.04)


def many_parts():
    return pd.concat([scored(), scored(suffix="-changing"), scored(("both",), "-signed")], ignore_index=True)


DRAWN = {
    "growth": lambda: figures.growth(curves()),
    "growth_by_step": lambda: figures.growth(curves(TASKS[:1], (0,)), by="step", title=LONG),
    "parts": lambda: figures.parts(scored()),
    "likeness": lambda: figures.likeness(alike()),
}
LARGE_AND_SMALL = {
    "growth, 4 tasks, 3 seeds": lambda: figures.growth(curves(FOUR, (0, 1, 2)), title=LONG),
    "growth, much arithmetic": lambda: figures.growth(curves(FOUR, cost=54321.0)),
    "growth, 1 task, 1 seed": lambda: figures.growth(curves(TASKS[:1], (0,), cost=321.0), title=LONG),
    "growth, seconds": lambda: figures.growth(curves(TASKS, cost=0.003), by="seconds"),
    "growth, many ways and looks": lambda: figures.growth(
        curves(FOUR, ways=(*WAYS, "depth-nested", "width-random", "both-nested-signed"), steps=range(0, 101, 2))
    ),
    "parts, 1 schedule": lambda: figures.parts(scored(("both",)), title=LONG),
    "parts, 7 schedules": lambda: figures.parts(many_parts()),
    "parts of nearly one size": lambda: figures.parts(scored().assign(share=lambda rows: 0.9 + 0.1 * rows["share"])),
    "likeness, 1 form": lambda: figures.likeness(alike(("as they are",)), title=LONG),
}


def of(panels):
    return panels[0].get_figure(root=True)


def legend(panels):
    (found,) = of(panels).legends
    return [text.get_text() for text in found.get_texts()]


def tips(ax):
    """Return what a reader sees who points at the lines of a panel."""
    return [unquote(line.get_gid().removeprefix(TIP)) for line in ax.lines if line.get_gid()]


def marks(ax):
    """Return the points of a panel that say something when pointed at."""
    return [line for line in ax.lines if line.get_linestyle() == "None" and line.get_gid()]


def mean_line(ax, colour):
    """Return x and y of a way's mean line, its dashed and its solid stretch joined, and how many points are dashed."""
    bold = [line for line in ax.lines if line.get_color() == colour and line.get_linewidth() > 1]
    bold = [line for line in bold if line.get_linestyle() != "None" and len(line.get_xdata())]
    solid = next(line for line in bold if line.get_linestyle() == "-")
    dashed = [line for line in bold if line.get_linestyle() == "--"]
    if not dashed:
        return *solid.get_data(), 0
    x, y = (np.r_[a, b[1:]] for a, b in zip(dashed[0].get_data(), solid.get_data(), strict=True))
    return x, y, len(dashed[0].get_xdata())


@pytest.fixture(autouse=True)
def styled():
    with style():
        yield


@pytest.mark.parametrize("name", DRAWN)
def test_structure_is_the_golden_one(name, regen):
    check_structure(name, of(DRAWN[name]()), regen=regen)


@pytest.mark.parametrize("name", [*DRAWN, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE_AND_SMALL)])
def test_every_text_lies_within_the_figure_and_covers_no_other(name, monkeypatch):
    figure = of((DRAWN | LARGE_AND_SMALL)[name]())
    check_legible(figure, written_in(figure, monkeypatch))


# --- growth ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("by", TIMES)
def test_curves_are_means_over_runs_and_over_the_seeds_of_a_task(by):
    table = curves()
    panels = figures.growth(table, by=by)
    assert [ax.get_title(loc="left") for ax in panels] == ["all tasks", *TASKS]
    colours = way_colours(WAYS)
    for ax, rows in zip(panels, [table, *(table[table["task"] == task] for task in TASKS)], strict=True):
        for way in WAYS:
            groups = rows[rows["way"] == way].groupby("step")
            x, y, _ = mean_line(ax, colours[way])
            assert list(x) == pytest.approx(STEPS if by == "step" else list(groups[by].mean()))
            assert list(y) == pytest.approx(list(groups["selection_score"].mean()))
    assert {ax.get_xlabel() for ax in panels} == {TIMES[by]}


def test_what_a_part_ran_for_is_dashed_and_hollow():
    table = curves(TASKS[:1], (0,))
    for at_start in (True, False):  # what is said of step 0 makes no difference
        table.loc[table["step"] == 0, "is_whole"] = at_start
        ax = figures.growth(table, by="step")[0]
        for way, colour in way_colours(WAYS).items():
            n_dashed = mean_line(ax, colour)[2]
            hollow = [
                m.get_xdata()[0] for m in marks(ax) if m.get_color() == colour and m.get_markerfacecolor() != colour
            ]
            filled = [m.get_xdata()[0] for m in marks(ax) if m.get_color() == colour == m.get_markerfacecolor()]
            assert hollow == ([] if way == "plain" else [step for step in STEPS if step <= GROWN])
            assert filled == [step for step in STEPS if step not in hollow]
            assert n_dashed == len(hollow)


def test_of_many_looks_some_are_marked_and_always_those_where_the_backbone_becomes_whole():
    ax = figures.growth(curves(TASKS[:1], (0,), ("depth",), range(0, 101, 2)), by="step")[0]
    steps = [mark.get_xdata()[0] for mark in marks(ax)]
    assert len(steps) <= 15
    assert {0, GROWN, GROWN + 2, 100} <= set(steps)
    assert len(mean_line(ax, PALETTE[0])[0]) == 51


def test_a_way_has_its_colour_whatever_stands_beside_it_and_plain_lies_on_top():
    assert way_colours(["both", "plain", "depth"]) == {"both": PALETTE[2], "plain": INK, "depth": PALETTE[0]}
    assert way_colours(["depth-nested", "width", "width-random"]) == {
        "depth-nested": PALETTE[3],
        "width": PALETTE[1],
        "width-random": PALETTE[4],
    }
    many = way_colours([f"depth-{i}" for i in range(7)])
    assert not set(many.values()) & {*PALETTE[:3], INK}
    panels = figures.growth(curves())
    assert legend(panels) == ["depth", "width", "both", "plain", "while a part ran"]
    for ax in panels[1:]:
        assert ax.lines[-1].get_color() == INK
        assert len({line.get_zorder() for line in ax.lines}) == 1


def test_seeds_are_thin_lines_in_the_panels_of_tasks_where_there_are_several():
    thin = [sum(line.get_linewidth() < 1 for line in ax.lines) for ax in figures.growth(curves())]
    each = 2 * (1 + 3 * 2)  # of two seeds; those of three ways have a dashed and a solid stretch
    assert thin == [0, each, each]
    (alone,) = figures.growth(curves(TASKS[:1], (0,)))  # a single task is all of them
    assert alone.get_title(loc="left") == TASKS[0]
    assert not [line for line in alone.lines if line.get_linewidth() < 1]


def test_lines_and_points_of_growth_say_what_they_are():
    panels = figures.growth(curves())
    said = tips(panels[1])
    assert {"plain", "depth", "plain, seed 0", "depth, seed 1", "plain, step 20: 57.0%"} <= set(said)
    assert said.count("depth") == 2
    assert said.count("plain") == 1


def test_without_parts_no_legend_speaks_of_them():
    assert legend(figures.growth(curves(ways=("plain",)))) == ["plain"]


# --- parts -----------------------------------------------------------------------------------------------------------
def labelled(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def named_above(ax):
    (upper,) = ax.child_axes
    ax.figure.canvas.draw()
    found = {label.get_position()[0]: label.get_text().strip() for label in upper.get_xticklabels()}
    return {round(float(at), 6): said for at, said in found.items() if said}


def test_parts_show_the_scores_of_a_schedule_over_the_share_of_its_arithmetic():
    table = scored()
    panels = figures.parts(table)
    columns = {"part → part": "on_itself", "part → whole": "on_whole", "whole → part": "of_whole"}
    columns["no prompt → part"] = "no_prompt"
    assert legend(panels) == list(columns)
    for ax, schedule in zip(panels, SHARES, strict=True):
        assert ax.get_title(loc="left") == schedule
        rows = table[table["schedule"] == schedule]
        for label, column in columns.items():
            line = labelled(ax)[label]
            assert list(line.get_xdata()) == pytest.approx([*SHARES[schedule], 1.0], abs=0.01)
            assert list(line.get_ydata()) == pytest.approx(list(rows[column]))
        assert list(ax.get_xticks()) == [0, 0.25, 0.5, 0.75, 1]
        bars = [sorted(line.get_ydata()) for line in ax.lines if len(set(line.get_xdata())) < len(line.get_xdata())]
        expected = [
            *rows[["on_itself_low", "on_itself_high"]].to_numpy(),
            *rows[["on_whole_low", "on_whole_high"]].to_numpy(),
        ]
        assert np.array(bars) == pytest.approx(np.array(expected))


def test_what_is_not_known_of_a_part_leaves_a_gap():
    table = scored(("depth",))
    table.loc[1, ["on_whole", "on_whole_low", "on_whole_high", "of_whole"]] = np.nan
    table.loc[2, ["on_itself_low", "on_itself_high"]] = np.nan
    (ax,) = figures.parts(table)
    for label, gaps in {"part → part": [], "part → whole": [1], "whole → part": [1], "no prompt → part": []}.items():
        assert list(np.flatnonzero(np.isnan(labelled(ax)[label].get_ydata()))) == gaps
    assert len(marks(ax)) == 7
    assert "d75, part → part: 79.2%" in tips(ax)
    assert "d25, part → whole: 53.5% [48.5%, 57.5%]" in tips(ax)
    assert not any(said.startswith("d50, part → whole") for said in tips(ax))


def test_parts_are_named_above_where_there_is_room():
    panels = figures.parts(scored())
    assert named_above(panels[0]) == {0.3: "d25", 0.53: "d50", 0.77: "d75", 1.0: "whole"}
    assert named_above(panels[2]) == {0.15: "d25\nw25", 0.37: "d50\nw50", 0.64: "d75\nw75", 1.0: "whole"}
    heights = [ax.title.get_window_extent().y0 for ax in panels]
    assert heights == pytest.approx([heights[0]] * 3)
    crowded = figures.parts(scored(("depth",)).assign(share=[0.4, 0.4, 0.99, 1.0]))
    assert named_above(crowded[0]) == {0.4: "d25,\nd50", 1.0: "whole"}
    assert any(said.startswith("d75, ") for said in tips(crowded[0]))


# --- likeness --------------------------------------------------------------------------------------------------------
def test_relations_are_rows_in_the_order_of_first_appearance():
    table = alike()
    panels = figures.likeness(table)
    assert [ax.get_title(loc="left") for ax in panels] == ["as they are", "from their start"]
    of(panels).canvas.draw()
    assert [label.get_text() for label in panels[0].get_yticklabels()] == list(RELATIONS)
    for ax, (_, rows) in zip(panels, table.groupby("form"), strict=True):
        low, high = ax.get_ylim()
        assert low > high  # the first on top
        assert [m.get_ydata()[0] for m in marks(ax)] == list(range(len(RELATIONS)))
        assert [m.get_xdata()[0] for m in marks(ax)] == pytest.approx(list(rows["mean"]))
        bars = [
            list(line.get_xdata()) for line in ax.lines if line.get_marker() == "None" and line.get_color() != QUIET
        ]
        assert np.array(bars) == pytest.approx(rows[["low", "high"]].to_numpy())
        assert ax.get_xlabel() == "cosine"
    assert "all different: -0.020 [-0.070, 0.020], 60 pairs" in tips(panels[1])


def test_nothing_in_common_is_a_line_where_it_lies_in_range():
    zeros = [[line for line in ax.lines if line.get_color() == QUIET] for ax in figures.likeness(alike())]
    assert [len(lines) for lines in zeros] == [0, 1]
    assert list(zeros[1][0].get_xdata()) == [0, 0]


def test_a_relation_without_pairs_keeps_its_row():
    table = alike(("as they are",))
    table.loc[1, ["mean", "low", "high"]] = np.nan
    table.loc[2, ["low", "high"]] = np.nan
    (ax,) = figures.likeness(table)
    assert [m.get_ydata()[0] for m in marks(ax)] == [0, 2, 3, 4]
    assert "same task, other part and seed: 0.690, 36 pairs" in tips(ax)
    places = [label.get_text() for label in ax.get_yticklabels()]
    assert places == list(RELATIONS)


@pytest.mark.parametrize("draw", [figures.growth, figures.parts, figures.likeness])
def test_a_table_without_rows_is_an_empty_figure(draw):
    table = {figures.growth: curves, figures.parts: scored, figures.likeness: alike}[draw]().iloc[:0]
    (ax,) = draw(table)
    assert not ax.lines
    of([ax]).canvas.draw()


def test_a_figure_can_be_given():
    figure = of(figures.likeness(alike()))
    for draw, table in ((figures.growth, curves()), (figures.parts, scored()), (figures.likeness, alike())):
        figure.clear()
        assert of(draw(table, figure=figure)) is figure
