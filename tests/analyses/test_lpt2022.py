"""The analysis of Liu et al. 2022: its rank correlations and its arithmetic, and whose report it enters."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from transferkit.chapters import chapters_for, chapters_of, find_analysis

ANALYSIS = find_analysis("lpt2022_layers")


def swept(tasks: int, depths: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        {
            "backbone": "one",
            "task": f"t{task}",
            "generator": "none",
            "insert_after": depth,
            "quantity": quantity,
            "value": float(rng.random()),
            "keys": f"{task}{depth}{quantity}",
        }
        for task in range(tasks)
        for depth in range(depths)
        for quantity in ("signal_initial", "removed", "sensitivity", "turned", "swapped")
    ]
    return pd.DataFrame(rows)


def results_of(frame: pd.DataFrame) -> SimpleNamespace:
    return SimpleNamespace(depths=SimpleNamespace(influence=lambda: frame))


def test_rank_correlations_are_those_of_scipy_meant_over_tasks() -> None:
    frame = swept(tasks=3, depths=6)
    table = ANALYSIS.trade_off(results_of(frame)).set_index("quantity")
    assert list(table.index) == list(ANALYSIS.CLAIMS.values())
    for quantity, name in ANALYSIS.CLAIMS.items():
        of_one = frame[frame["quantity"] == quantity]
        each = [spearmanr(rows["insert_after"], rows["value"])[0] for _, rows in of_one.groupby("task")]
        assert table.loc[name, "rho"] == pytest.approx(np.mean(each))
        assert table.loc[name, ["low", "high"]].tolist() == pytest.approx([min(each), max(each)])
        peaks = [rows.sort_values("value")["insert_after"].iloc[-1] for _, rows in of_one.groupby("task")]
        assert table.loc[name, ["peak_from", "peak_to"]].tolist() == [min(peaks), max(peaks)]
        assert table.loc[name, ["n_tasks", "n_depths"]].tolist() == [3, 6]


def test_the_sentence_describes_signal_and_influence_and_claims_nothing() -> None:
    row = {"backbone": "one", "generator": "plain prompt", "rho": 0.7, "peak_from": 2, "peak_to": 4}
    names = [ANALYSIS.CLAIMS[name] for name in ("signal_initial", "removed")]
    said = ANALYSIS.sentence(pd.DataFrame([{**row, "quantity": name} for name in names]))
    assert "signal +0.70, largest after 2 to 4, influence +0.70, largest after 2 to 4" in said
    assert "neither confirms nor refutes" in said
    alone = ANALYSIS.sentence(pd.DataFrame([{**row, "peak_to": 2, "quantity": names[0]}]))
    assert "one, plain prompt: signal +0.70, largest after 2. Nothing" in alone


def test_a_task_of_few_depths_is_left_out_alone() -> None:
    frame = swept(tasks=2, depths=6)
    table = ANALYSIS.trade_off(results_of(frame[(frame["task"] != "t1") | (frame["insert_after"] < 2)]))
    assert (table["n_depths"] == 6).all()
    assert (table["n_tasks"] == 1).all()


def test_three_depths_say_nothing() -> None:
    assert ANALYSIS.trade_off(results_of(swept(tasks=2, depths=3))).empty


def test_arithmetic_is_the_reference_s_to_its_printed_digits() -> None:
    frame = ANALYSIS.paper_arithmetic().set_index("blocks_below")
    reference = pd.read_csv(ANALYSIS.REFERENCE).set_index("blocks_below")
    for column in reference:
        digits = 1 if column in ("gflop", "cached") else 2
        assert frame[column].to_numpy() == pytest.approx(reference[column].to_numpy(), abs=0.5001 * 10**-digits)
    assert frame.loc[12, "gflop"] == pytest.approx(122.608, abs=5e-4)
    assert frame.loc[12, "cached"] == pytest.approx(87.094, abs=5e-4)
    assert frame["difference"].max() <= 0.05 + 1e-9


def test_it_enters_reports_of_its_own_studies_alone() -> None:
    (chapter,) = chapters_for("lpt2022_minilm")
    assert chapter is ANALYSIS.sections
    assert chapters_for("quickstart") == chapters_for("lpt") == []
    assert chapters_of("lpt2022_minilm") == [chapter]
    assert chapters_of("lpt2022_mine") == chapters_of("su2022_mine") == []
