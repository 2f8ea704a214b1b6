"""Figures about prompts begun from other prompts: as data, compared with golden files, and as a reader sees them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figures.legible import check_legible, check_structure, written_in

from transferkit import figures
from transferkit.figures.style import INK, PALETTE, contrast, style
from transferkit.matrices import Matrix

GOLDEN = Path(__file__).parents[1] / "golden" / "figures"
TASKS = ("films", "shops_with_a_name")
LONG = "Training from another prompt, a-backbone"
STEPS = (0, 24, 48, 72)


def curves(tasks=TASKS, seeds=(0, 1)):
    kinds = [
        ("from nothing", "from nothing", None, None, 0.5),
        ("trained", "shops", "here", True, 0.7),
        ("trained", "entails", "here", False, 0.45),
        ("trained", "follows", "here", False, 0.4),
        ("rotation", "films", "there", True, 0.6),
    ]
    rows = [
        {"target": t, "how": how, "source": source, "source_backbone": origin, "same_group": same, "seed": seed}
        | {"projection": "there → here" if how == "rotation" else None}
        | {"step": step, "gflop": 4.0 * step, "gflop_before": 0.0 if source == "from nothing" else 300.0}
        | {"level": 0.65 + 0.02 * seed}
        | {"selection_score": begun + 0.003 * step + 0.02 * seed}
        for t in tasks
        for how, source, origin, same, begun in kinds
        for seed in seeds
        for step in STEPS
    ]
    return pd.DataFrame(rows)


def ratios():
    names, groups = ("entails", "follows", "films"), ("inference", "inference", "sentiment")
    values = [[np.nan, 4.0, 0.5], [2.0, np.nan, 1.0], [8.0, 1.5, np.nan]]
    bounds = np.array([["", "", "<"], ["", "", ""], [">", "", ""]])
    labels = {"sources": names, "targets": names, "source_groups": groups, "target_groups": groups}
    found = Matrix(values=np.array(values), name="speed-up on tiny", unit="times as fast", bounds=bounds, **labels)
    return found.mask(np.eye(3, dtype=bool))


DRAWN = {
    "starts": lambda: figures.starts(curves())[0],
    "starts_by_arithmetic": lambda: figures.starts(curves(TASKS[:1], (0,)), by="gflop", title=LONG)[0],
    "heatmap_ratios": lambda: figures.heatmap(ratios(), scale=figures.ratio_scale(ratios())),
}


@pytest.fixture(scope="module", params=DRAWN)
def drawn(request):
    with style():
        yield request.param, DRAWN[request.param]().get_figure(root=True)


def test_structure_is_the_golden_one(drawn, regen):
    check_structure(*drawn, regen=regen)


def test_every_text_lies_within_the_figure_and_covers_no_other(drawn, monkeypatch):
    _, figure = drawn
    check_legible(figure, written_in(figure, monkeypatch), slanted_may_touch=True)


def test_the_plain_prompt_is_the_boldest_line_on_top():
    for ax in figures.starts(curves()):
        bold = [line for line in ax.lines if line.get_linewidth() > 2]
        assert [line.get_color() for line in bold] == [INK]
        solid = [line for line in ax.lines if line.get_linestyle() == "-"]
        assert solid[-1] is bold[0]
        assert list(bold[0].get_ydata()) == pytest.approx([0.51, 0.582, 0.654, 0.726])  # means over seeds
        (level,) = [line for line in ax.lines if line.get_linestyle() == "--"]
        assert level.get_ydata()[0] == pytest.approx(0.66)


def test_colours_say_where_a_prompt_begins_and_the_legend_says_so_once():
    figure = figures.starts(curves())[0].get_figure(root=True)
    (legend,) = figure.legends
    said = {
        text.get_text(): line.get_color() for text, line in zip(legend.get_texts(), legend.get_lines(), strict=True)
    }
    assert said["same group"] == PALETTE[1]
    assert said["other group"] == PALETTE[0]
    assert list(said) == ["other group", "same group", "other backbone", "from nothing", "its converged level"]


def test_one_seed_has_no_thin_lines():
    (ax,) = figures.starts(curves(TASKS[:1], (0,)))
    assert len(ax.lines) == 6  # four sources, nothing, the level
    assert len(figures.starts(curves(TASKS[:1]))[0].lines) == 16


def test_arithmetic_is_another_axis():
    (ax,) = figures.starts(curves(TASKS[:1], (0,)), by="gflop")
    assert list(ax.lines[0].get_xdata()) == [4.0 * step for step in STEPS]
    assert "GFLOP" in ax.get_xlabel()


def test_what_was_spent_before_the_first_step_shifts_the_lines():
    (ax,) = figures.starts(curves(TASKS[:1], (0,)), by="gflop", with_source=True)
    solid = [line for line in ax.lines if line.get_linestyle() == "-"]
    begins = {line.get_color(): line.get_xdata()[0] for line in solid}
    assert begins == {INK: 0.0} | dict.fromkeys(PALETTE[:3], 300.0)
    assert ax.get_xlabel() == "GFLOP of training, source's included"


def test_two_projections_are_two_lines():
    frame = curves(TASKS[:1], (0,))
    other = frame[frame["how"] == "rotation"].assign(projection="there → here (2)")
    (ax,) = figures.starts(pd.concat([frame, other]))
    assert len(ax.lines) == 7


def test_ratios_are_as_far_from_one_as_their_inverses():
    scale = figures.ratio_scale(ratios())
    assert (scale.low, scale.centre, scale.high) == (pytest.approx(1 / 8), 1.0, pytest.approx(8.0))
    colours = {t.get_text(): t for t in DRAWN["heatmap_ratios"]().texts}
    assert {"<0.50", ">8.00", "1.00", "2.00"} <= set(colours)
    assert figures.ratio_scale(ratios().mask(np.ones((3, 3), dtype=bool))).high == 1.5
    with style():
        ax = DRAWN["heatmap_ratios"]()
    fills = {(round(p.get_x() + 0.5), round(p.get_y() + 0.5)): p.get_facecolor() for p in ax.patches}
    middle = fills[2, 1]  # as fast as nothing: the palest colour
    assert contrast(middle, (1.0, 1.0, 1.0)) < 1.2
    bar = ax.get_figure().axes[1]
    bar.figure.canvas.draw()
    low, high = bar.get_ylim()
    ticks = [t.get_text() for t in bar.get_yticklabels() if low <= t.get_position()[1] <= high]
    assert ticks == ["0.125", "0.25", "0.5", "1", "2", "4", "8"]
