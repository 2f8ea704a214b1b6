"""Figures as data, compared with golden files, and as objects a reader has to be able to read."""

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figures.legible import check_legible, check_structure, written_in

from transferkit import figures
from transferkit.errors import InputError
from transferkit.figures.style import PALETTE, SETTINGS, contrast, group_colours, ink_on, style
from transferkit.matrices import Matrix, same_group
from transferkit.statistics import top_k_curves

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


def predicting():
    """Three indicators (one without an interval), one that is not defined, and both baselines."""
    return pd.DataFrame(
        {
            "indicator": [
                "cosine_concat",
                "neuron_overlap_all",
                "linear_cka",
                "task_embedding",
                "same_group",
                "norm_proxy",
            ],
            "is_baseline": [False] * 4 + [True] * 2,
            "rho": [0.41, 0.62, -0.1, np.nan, 0.5, 0.2],
            "low": [0.1, 0.3, np.nan, np.nan, 0.2, -0.1],
            "high": [0.6, 0.8, np.nan, np.nan, 0.7, 0.4],
            "p": [0.04, 0.001, 0.7, np.nan, 0.01, 0.2],
            "q": [0.08, 0.003, 0.7, np.nan, np.nan, np.nan],
        }
    )


def cell_tests():
    """All but one of sixteen cells, deliberately out of order; the last says nothing about the own prompt."""
    rows = []
    for i, j in np.ndindex(4, 4):
        verdict = "own" if i == j else ("transfers", "neutral", "harms")[(i + j) % 3]
        size = {"own": 0.3, "transfers": 0.123, "neutral": -0.0001, "harms": -0.08}[verdict]
        row = {"source": LABELS[i], "source_group": GROUPS[i], "target": LABELS[j], "target_group": GROUPS[j]}
        row |= {"is_own": i == j, "difference_random": size + 0.001 * i, "verdict": verdict, "n": 872}
        row |= {"is_worse_than_own": verdict != "transfers" and i != j, "p_random": 0.01, "q_random": 0.02}
        rows.append(row)
    table = pd.DataFrame(rows[::-1]).astype({"is_worse_than_own": object})
    table.loc[table["is_own"], ["p_random", "q_random"]] = np.nan
    table.loc[(table["source"] == "entails") & (table["target"] == "shops"), "is_worse_than_own"] = None
    return table[~((table["source"] == "films") & (table["target"] == "entails"))]


def norms(n_positions=6):
    rows = [
        {"task": t, "group": g, "seed": s, "position": k, "norm": 2.0 + i + 10 * k + s, "initial_norm": 5.0 + 0.1 * k}
        for i, (t, g) in enumerate(zip(LABELS, GROUPS, strict=True))
        for s in (0, 1)
        for k in range(n_positions)
    ]
    return pd.DataFrame(rows).assign(is_live=lambda table: ~table["position"].isin([2, 4, 5]))


def on_targets():
    scores = {"score": [0.62, np.nan, 0.91, 0.4], "own": [0.8, 0.7, 0.91, 0.88], "random": [0.34, 0.4, 0.5, np.nan]}
    table = pd.DataFrame({"target": LABELS, "group": GROUPS, **scores, "is_own": [t == "films" for t in LABELS]})
    return table.iloc[::-1]


def curves():
    """Seven indicators, the baselines among them, and both yardsticks."""
    draw = np.random.default_rng(0)
    transfer = matrix(np.round(draw.uniform(0.3, 0.95, (4, 4)), 3))
    names = ("cosine_concat", "neuron_overlap_all", "linear_cka", "task_embedding", "norm_proxy", "euclidean_concat")
    found = [matrix(np.round(transfer.values + draw.normal(0, 0.4, (4, 4)), 3), name=name) for name in names]
    return top_k_curves(transfer, [*found, same_group(transfer)])


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
    "prompt_map_tsne": lambda: figures.prompt_map(points(), explained=[np.nan, np.nan]),
    "forest": lambda: figures.forest(predicting()),
    "verdicts": lambda: figures.verdicts(cell_tests()),
    "dendrogram": lambda: figures.dendrogram(similarity()),
    "regret": lambda: figures.regret_curves(curves()),
    "row_norms": lambda: figures.row_norms(norms()),
    "target_scores": lambda: figures.target_scores(on_targets()),
}


@pytest.fixture(scope="module", params=DRAWN)
def drawn(request):
    with style():
        yield request.param, DRAWN[request.param]().get_figure(root=True)


def test_structure_is_the_golden_one(drawn, regen):
    check_structure(*drawn, regen=regen)


def test_every_text_lies_within_the_figure(drawn, monkeypatch):
    _, figure = drawn
    written = written_in(figure, monkeypatch)
    assert written
    check_legible(figure, written, apart=False)


def test_tick_labels_do_not_overlap(drawn):
    _, figure = drawn
    figure.canvas.draw()
    for ax in figure.axes:
        if ax.get_label() == "<colorbar>" or not ax.axison:
            continue
        boxes = [t.get_window_extent() for t in ax.get_yticklabels() if t.get_text() and t.get_visible()]
        boxes = sorted(boxes, key=lambda box: box.y0)
        assert all(a.y1 <= b.y0 + 1 for a, b in pairwise(boxes))


@pytest.mark.parametrize("name", ["heatmap", "heatmap_holes", "heatmap_centred", "clustered", "verdicts"])
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


@pytest.mark.parametrize("draw", [figures.clustered, figures.dendrogram])
def test_what_cannot_be_clustered_is_refused(draw):
    with pytest.raises(InputError, match="cannot be clustered"):
        draw(with_holes())


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_forest_is_sorted_and_fills_what_is_significant():
    ax = figures.forest(predicting())
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["neuron overlap all", "same group", "cosine concat", "norm proxy", "linear cka"]
    marks = [line for line in ax.lines if line.get_marker() != "None"]
    assert [line.get_markerfacecolor() != "white" for line in marks] == [True, True, False, False, False]
    assert [line.get_marker() for line in marks] == ["o", "D", "o", "D", "o"]
    dashed = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"]
    assert dashed == [0.5]
    assert legend(ax)[-1] == "left out, not defined: 1"


def test_a_forest_of_thirty_indicators_is_legible():
    table = pd.DataFrame({"indicator": [f"neuron_overlap_containment_{i}" for i in range(30)], "is_baseline": False})
    table = table.assign(rho=np.linspace(-0.5, 0.8, 30), low=-0.6, high=0.9, p=0.01, q=0.02)
    with style():
        ax = figures.forest(table)
        ax.get_figure().canvas.draw()
    boxes = sorted((label.get_window_extent() for label in ax.get_yticklabels()), key=lambda box: box.y0)
    assert all(a.y1 <= b.y0 for a, b in pairwise(boxes))


def test_verdicts_count_their_cells_and_ring_those_not_worse_than_own():
    table = cell_tests()
    ax = figures.verdicts(table)
    foreign = table[~table["is_own"]]
    matched = foreign[foreign["is_worse_than_own"].map(lambda is_worse: is_worse is False)]
    counts = [f"{v} ({(table['verdict'] == v).sum()})" for v in ("transfers", "neutral", "harms", "own")]
    assert legend(ax) == [*counts, f"not shown to be worse than own ({len(matched)})"]
    assert len([line for line in ax.lines if line.get_marker() == "o"]) == len(matched)
    assert [patch.get_hatch() for patch in ax.patches if patch.get_hatch()] == ["////"]
    assert [label.get_text() for label in ax.get_xticklabels()] == list(LABELS)
    assert {text.get_text() for text in ax.texts if text.get_text() in ("+0.0", "−0.0")} == {"+0.0"}


def test_a_dendrogram_ends_where_the_tree_does():
    ax = figures.dendrogram(similarity())
    off = similarity().values[~np.eye(4, dtype=bool)]
    branches = [line for line in ax.lines if line.get_linestyle() == "-"]
    assert len(branches) == 3
    assert min(max(line.get_xdata()) for line in branches) == pytest.approx(1 - off.max())  # the most similar pair
    assert max(max(line.get_xdata()) for line in branches) <= 1 - off.min()
    assert sorted(label.get_text() for label in ax.get_yticklabels()) == sorted(LABELS)
    for label in ax.get_yticklabels():
        assert contrast(mpl.colors.to_rgb(label.get_color()), (1.0, 1.0, 1.0)) >= 4.5


def test_regret_curves_tell_the_best_three_and_the_yardsticks_apart():
    found = curves()
    ax = figures.regret_curves(found)
    ranked = sorted(
        (curve for curve in found if "source" not in curve.name and curve.name not in ("same_group", "norm_proxy")),
        key=lambda curve: curve.regret.tolist(),
    )
    best = [curve.name.replace("_", " ") for curve in ranked[:3]]
    assert legend(ax) == ["2 other indicators", "norm proxy", "same group", "random source", *best]
    marked = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_ydata().tolist() for line in marked] == [curve.regret.tolist() for curve in ranked[:3]]
    assert ax.get_ylabel() == "regret@k, mean of 4 targets"


@pytest.mark.parametrize("n_positions", [6, 100])
def test_rows_never_read_are_hollow_and_not_joined(n_positions):
    table = norms(n_positions)
    ax = figures.row_norms(table)
    live = [line for line in ax.lines if line.get_linestyle() == "-"]
    dead = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert len(live) == len(dead) == 8
    for line in live:
        assert list(np.flatnonzero(np.isnan(line.get_ydata()))) == [2, 4, 5]
        alone = line.get_markevery()
        assert alone == ([3] if n_positions > 30 else None)
    assert all(list(line.get_xdata()) == [2, 4, 5] and line.get_markerfacecolor() == "none" for line in dead)
    assert legend(ax) == ["inference", "sentiment", "never read", "before training, mean"]
    assert ax.get_yscale() == "log"


def test_what_is_not_known_about_rows_is_not_drawn():
    ax = figures.row_norms(norms().assign(initial_norm=np.nan, is_live=True))
    assert legend(ax) == ["inference", "sentiment"]
    assert len(ax.lines) == 8


def test_targets_are_ordered_and_missing_scores_said():
    ax = figures.target_scores(on_targets())
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["entails", "follows (missing)", "films (own task)", "shops"]


def test_axes_of_a_tsne_map_claim_no_variance():
    ax = figures.prompt_map(points(), explained=np.array([np.nan, np.nan]))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("first axis of a t-SNE map", "second axis of a t-SNE map")


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
