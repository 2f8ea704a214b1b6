"""The figure of ways to bring a prompt elsewhere: as data, compared with a golden file, and as a reader sees it."""

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figures.legible import check_legible, check_structure, written_in

from transferkit import figures
from transferkit.figures.style import PALETTE, style
from transferkit.study.projection import METHODS

GOLDEN = Path(__file__).parents[1] / "golden" / "figures" / "shoot_out.json"
YARDSTICKS = ("constant_distance", "constant_tasks", "no prompt", "random prompt", "own prompt")
FEW = ("linear", "flat_tasks", *YARDSTICKS)
ALL = (*METHODS, "no prompt", "majority", "random prompt", "retrained", "own prompt")
BEATS = {"linear": False, "flat_tasks": True, "constant_tasks": True}  # the last is a yardstick all the same


def table(parts=("seen", "held out"), names=FEW):
    rows = [
        {"method": name, "is_yardstick": name in YARDSTICKS, "part": part, "score": 0.4 + 0.06 * i + 0.05 * j}
        | {"beats_constant": BEATS.get(name)}
        for j, part in enumerate(parts)
        for i, name in enumerate(names)
    ]
    found = pd.DataFrame(rows).astype({"beats_constant": object})
    return found.assign(least=found["score"] - 0.1, largest=found["score"] + 0.2)


def drawn(*given, **more):
    with style():
        return figures.shoot_out(table(*given), **more)


def points(ax):
    return [line for line in ax.lines if line.get_linestyle() == "None"]


def test_structure_is_the_golden_one(regen):
    with style():
        figure = figures.shoot_out(table()).get_figure(root=True)
        check_structure("shoot_out", figure, regen=regen)


@pytest.mark.parametrize("parts", [("seen", "held out"), ("held out",), ("all tasks",)], ids=" ".join)
@pytest.mark.parametrize("names", [FEW, ALL], ids=len)
def test_every_text_lies_within_the_figure_and_covers_no_other(parts, names, monkeypatch):
    figure = drawn(parts, names, title="a-backbone-with-a-name → another-backbone-with-a-name").get_figure(root=True)
    written = written_in(figure, monkeypatch)
    assert len(written) > len(names) + 5
    check_legible(figure, written)


def test_each_way_is_a_point_with_its_range_and_parts_do_not_cover_each_other():
    ax = drawn()
    rows = table().sort_values("is_yardstick", kind="stable")
    assert len(points(ax)) == len(rows)
    for point, row in zip(points(ax), rows.itertuples(), strict=True):
        x, y = float(point.get_xdata()[0]), float(point.get_ydata()[0])
        assert x == pytest.approx(100 * row.score)
        assert round(y) == FEW.index(row.method)
        (line,) = [one for one in ax.lines if len(one.get_xdata()) == 2 and list(one.get_ydata()) == [y, y]]
        assert list(line.get_xdata()) == pytest.approx([100 * row.least, 100 * row.largest])
        assert point.get_color() == line.get_color() == PALETTE[1 if row.part == "seen" else 0]
        assert point.get_marker() == ("s" if row.part == "seen" else "o")
    ax.figure.canvas.draw()
    places = sorted({ax.transData.transform((0, p.get_ydata()[0]))[1] for p in points(ax)})
    assert all(b - a > 7 for a, b in pairwise(places))  # pixels: a marker is 6 points wide


def test_filled_are_projectors_that_beat_every_constant_prompt_and_nothing_else():
    ax = drawn()
    rows = table().sort_values("is_yardstick", kind="stable")
    for point, row in zip(points(ax), rows.itertuples(), strict=True):
        fill = mpl.colors.to_hex(point.get_markerfacecolor())
        if row.is_yardstick:
            assert fill == "#d5d8dc"
        else:
            assert fill == (point.get_color().lower() if row.method == "flat_tasks" else "#ffffff")


def test_projectors_stand_above_a_line_whatever_order_the_table_has():
    names = ("own prompt", "linear", "constant_tasks", "flat_tasks")
    ax = drawn(("all tasks",), names)
    said = [label.get_text() for label in ax.get_yticklabels()]
    assert said == ["linear", "flat tasks", "own prompt", "constant tasks"]
    assert [line.get_ydata()[0] for line in ax.lines if list(line.get_xdata()) == [0, 1]] == [1.5]


def test_one_part_is_drawn_in_the_middle_and_named_alone():
    for part in ("seen", "held out", "all tasks"):
        ax = drawn((part,))
        assert [p.get_ydata()[0] for p in points(ax)] == list(range(len(FEW)))
        said = [text.get_text() for text in ax.get_legend().get_texts()]
        assert sum("range over tasks" in text for text in said) == 1
        assert said[0] == f"{part}, mean and range over tasks"


def test_own_and_random_prompts_are_told_apart_and_left_out_of_the_legend_where_there_are_none():
    ax = drawn(("held out",))
    marked = {line.get_linestyle(): line.get_xdata()[0] for line in ax.lines if line.get_linestyle() in ("--", ":")}
    scores = table(("held out",)).set_index("method")["score"]
    assert marked == {"--": 100 * scores["own prompt"], ":": 100 * scores["random prompt"]}
    said = [text.get_text() for text in drawn(("held out",), FEW[:4]).get_legend().get_texts()]
    assert not {"own prompt", "random prompt"} & set(said)


def test_verdicts_from_a_file_are_read_as_well():
    rows = table(("held out",), FEW[:2]).astype({"beats_constant": bool})
    with style():
        ax = figures.shoot_out(rows)
    assert [p.get_markerfacecolor() for p in points(ax)] == ["white", PALETTE[0]]
    rows["beats_constant"] = np.nan
    with style():
        assert [p.get_markerfacecolor() for p in points(figures.shoot_out(rows))] == ["white", "white"]
