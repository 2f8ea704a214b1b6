"""Figures as data, compared with golden files, and as objects a reader has to be able to read."""

import json
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from transferkit import figures
from transferkit.errors import InputError
from transferkit.figures.style import PALETTE, SETTINGS, contrast, group_colours, ink_on, style
from transferkit.matrices import Matrix

GOLDEN = Path(__file__).parents[1] / "golden" / "figures"
LABELS = ("entails", "follows", "films", "shops")
GROUPS = ("inference", "inference", "sentiment", "sentiment")


def matrix(values=None, **more):
    draw = np.random.default_rng(0)
    values = np.round(draw.uniform(0.3, 0.95, (4, 4)), 3) if values is None else np.asarray(values, dtype=float)
    labels = {"sources": LABELS, "targets": LABELS, "source_groups": GROUPS, "target_groups": GROUPS}
    return Matrix(**{"values": values, "name": "score on tiny", **labels, **more})


def with_holes():
    values = matrix().values.copy()
    values[0, 1] = np.nan
    return matrix(values).mask(np.eye(4, dtype=bool) & (np.arange(4) == 3))


def similarity():
    values = matrix().values - 0.5
    return matrix((values + values.T) / 2, name="cosine_concat", unit="similarity")


def blocks():
    rows = [
        {"block": b, "relation": r, "n_pairs": 4 + i, "mean": 0.5 + 0.05 * b - 0.1 * i, "chance": 0.3, "density": 0.2}
        for b in range(4)
        for i, r in enumerate(("same task, other seed", "same group", "other group", "random prompts"))
    ]
    return pd.DataFrame(rows)


def histories():
    rows = [
        {"task": t, "seed": s, "step": step, "selection_score": 0.5 + 0.002 * step + 0.01 * s}
        for t in (*LABELS, "fifth")
        for s in (0, 1)
        for step in (0, 50, 100)
    ]
    return pd.DataFrame(rows)


def gains():
    return pd.DataFrame(
        {
            "task": LABELS,
            "group": GROUPS,
            "difference": [0.2, 0.01, -0.05, np.nan],
            "low": [0.1, -0.02, -0.08, np.nan],
            "high": [0.3, 0.04, -0.02, np.nan],
            "excludes_zero": [True, False, True, None],
            "best_baseline": ["majority", "no prompt", "random prompt", None],
        }
    )


def points():
    rows = [
        {"task": t, "group": g, "seed": s, "is_initial": False, "x": i + 0.1 * s, "y": (-1) ** i * 0.5}
        for i, (t, g) in enumerate(zip(LABELS, GROUPS, strict=True))
        for s in (0, 1)
    ]
    return pd.DataFrame([*rows, {"task": "films", "group": "x", "seed": 0, "is_initial": True, "x": 0.0, "y": 0.0}])


DRAWN = {
    "heatmap": lambda: figures.heatmap(matrix()),
    "heatmap_holes": lambda: figures.heatmap(with_holes()),
    "heatmap_centred": lambda: figures.heatmap(similarity(), centre=0.0, show="number"),
    "clustered": lambda: figures.clustered(similarity(), centre=0.0),
    "scatter": lambda: figures.scatter(similarity(), matrix()),
    "overlap": lambda: figures.overlap(blocks()),
    "curves": lambda: figures.curves(histories(), baselines=pd.DataFrame({"task": ["films"], "score": [0.6]}))[0],
    "intervals": lambda: figures.intervals(gains()),
    "prompt_map": lambda: figures.prompt_map(points(), explained=[0.5, 0.2]),
}


@pytest.fixture(params=DRAWN)
def drawn(request):
    with style():
        yield request.param, DRAWN[request.param]().get_figure(root=True)


def test_structure_is_the_golden_one(drawn, regen):
    name, figure = drawn
    path = GOLDEN / f"{name}.json"
    text = json.dumps(figures.structure(figure), indent=1, ensure_ascii=False) + "\n"
    if regen:
        path.write_text(text, encoding="utf-8")
    assert json.loads(text) == json.loads(path.read_text(encoding="utf-8")), f"{path}: pytest --regen, review the diff"


def test_every_text_lies_within_the_figure(drawn, monkeypatch):
    _, figure = drawn
    seen = []
    draw = mpl.text.Text.draw
    monkeypatch.setattr(mpl.text.Text, "draw", lambda self, renderer: (seen.append(self), draw(self, renderer)))
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    written = [text for text in seen if text.get_visible() and text.get_text().strip()]
    assert written
    for text in written:
        box = text.get_window_extent()
        is_inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        assert is_inside, (text.get_text(), box)
        assert text.get_fontsize() >= 6


def test_tick_labels_do_not_overlap(drawn):
    _, figure = drawn
    figure.canvas.draw()
    for ax in figure.axes:
        if ax.get_label() == "<colorbar>" or not ax.axison:
            continue
        boxes = [t.get_window_extent() for t in ax.get_yticklabels() if t.get_text() and t.get_visible()]
        boxes = sorted(boxes, key=lambda box: box.y0)
        assert all(a.y1 <= b.y0 + 1 for a, b in pairwise(boxes))


@pytest.mark.parametrize("name", ["heatmap", "heatmap_holes", "heatmap_centred", "clustered"])
def test_numbers_in_cells_stand_out(name):
    with style():
        ax = DRAWN[name]()
    fills = {(round(p.get_x() + 0.5), round(p.get_y() + 0.5)): p for p in ax.patches}
    assert len(ax.texts) >= 14
    for text in ax.texts:
        if text.get_text()[-1].isdigit():
            fill = fills[tuple(round(v) for v in text.get_position())].get_facecolor()
            assert contrast(mpl.colors.to_rgb(text.get_color()), fill) >= 4.5


def test_missing_cells_are_hatched_and_counted():
    ax = figures.heatmap(with_holes())
    hatched = [patch for patch in ax.patches if patch.get_hatch()]
    assert len(hatched) == 2
    note = next(text.get_text() for text in ax.texts if "hatched" in text.get_text())
    assert note == "hatched:\n1 missing\n1 not applicable"


def test_a_diverging_map_is_centred():
    ax = figures.heatmap(similarity(), centre=0.0)
    low, high = ax.get_figure().axes[1].get_ylim()
    assert low == pytest.approx(-high)


def test_titles_name_the_correlation_and_its_grouping():
    ax = figures.scatter(similarity(), matrix(), grouping="per_source")
    assert any("per source, mean of 4; 12 cells" in text.get_text() for text in ax.texts)
    whole = figures.scatter(similarity(), matrix(), grouping="all", diagonal="with")
    assert any("all cells; 16 cells" in text.get_text() for text in whole.texts)


def test_intervals_that_hold_zero_are_hollow():
    ax = figures.intervals(gains())
    faces = [line.get_markerfacecolor() for line in ax.lines if line.get_marker() == "o"]
    assert [face == "white" for face in faces] == [False, True, False]


def test_what_cannot_be_clustered_is_refused():
    with pytest.raises(InputError, match="cannot be clustered"):
        figures.clustered(with_holes())


def test_settings_are_those_of_before_and_an_axes_can_be_given():
    before = dict(mpl.rcParams)
    with style():
        assert mpl.rcParams["svg.hashsalt"] == SETTINGS["svg.hashsalt"]
    assert dict(mpl.rcParams) == before
    ax = DRAWN["heatmap"]()
    assert dict(mpl.rcParams) == before
    assert figures.scatter(similarity(), matrix(), ax=ax) is ax


def test_colours_are_distinct_and_stable():
    assert group_colours(["b", "a", "b"]) == {"a": PALETTE[0], "b": PALETTE[1]}
    for level in np.linspace(0, 1, 21):
        fill = (level, level, level)
        assert contrast(mpl.colors.to_rgb(ink_on(fill)), fill) >= 4.5


def test_structure_tells_a_transposed_matrix_apart():
    with style():
        first, second = (figures.heatmap(m).get_figure(root=True) for m in (matrix(), matrix(matrix().values.T)))
        assert figures.structure(first) != figures.structure(second)
