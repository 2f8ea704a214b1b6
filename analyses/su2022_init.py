"""Su et al. 2022, section 6 (TPT): does a prompt get there sooner that begins from another task's, and whose?

The paper gives no rule of convergence, and neither curves nor scores were published, so there is nothing to stand
beside ours. What can be asked of a study is asked: whether sources of the target's own group help more, and whether the
indicators that predict zero-shot transfer predict the speed-up too.
"""

from __future__ import annotations

import pandas as pd

from transferkit.report import Part, Section, Table, Text
from transferkit.report.words import signed, snippet
from transferkit.results import Results
from transferkit.results.started_costs import speedup_of
from transferkit.statistics import median_speedup, spearman

KINDS = ("comparable", "convergence")
WORDS = {"comparable": "to the plain prompt's level", "convergence": "to its own convergence"}


def sections(results: Results) -> list[Section]:
    """Return speed-ups by relation of source and target, and how far indicators of the two kinds of transfer agree."""
    if results.is_imported:
        return []
    table = by_relation(results)
    if table.empty:
        return []
    parts: list[Part] = [Text(body=_sentence(results)), _table(results, table)]
    return [Section(title="The paper's speed-up", slug="paper-speed-up", parts=tuple(parts))]


def by_relation(results: Results) -> pd.DataFrame:
    """Return medians over pairs by backbone, kind of speed-up and relation of source and target."""
    pairs = results.speedups.table()
    pairs = pairs[pairs["how"] == "trained"]
    rows = []
    for backbone, here in pairs.groupby("backbone", sort=False):
        for kind in KINDS:
            known = here.dropna(subset=[kind])
            for relation, some in (
                ("same group", known["same_group"].eq(True)),
                ("other group", known["same_group"].eq(False)),
            ):
                found = [speedup_of(row, kind) for row in known[some].to_dict("records")]
                values = [value for value in found if value is not None]
                median = median_speedup(values) if values else None
                verdicts = [value.verdict for value in values]
                rows.append(
                    {
                        "backbone": backbone,
                        "what": WORDS[kind],
                        "relation": relation,
                        "pairs": len(values),
                        "median": "" if median is None else str(median),
                        "faster": verdicts.count("faster"),
                        "slower": verdicts.count("slower"),
                    }
                )
    return pd.DataFrame(rows)


def agreement_of_agreements(results: Results, backbone: str) -> float | None:
    """Return the rank correlation, over indicators, of their agreements with speed-up and with zero-shot transfer."""
    table = results.speedups.agreements(backbone)
    known = table[table["grouping"] == "all"].dropna(subset=["speedup_rho", "zero_shot_rho"])
    known = known[known["indicator"] != "zero-shot transfer"]
    return spearman(known["speedup_rho"].to_numpy(), known["zero_shot_rho"].to_numpy()) if len(known) > 2 else None


def _sentence(results: Results) -> str:
    said = []
    for backbone in results.speedups.backbones:
        rho = agreement_of_agreements(results, backbone)
        if rho is not None:
            said.append(f"{signed(rho)} on {backbone}")
    text = (
        "The paper reports that beginning from a similar task's prompt saves training. It gives no rule of convergence,"
        " and no curves were published, so ours stand alone; the rule is stated in the section below."
    )
    if said:
        text += (
            " Do indicators that agree with zero-shot transfer agree with the speed-up too? Rank correlation of the two"
            f" agreements over indicators, which are no independent witnesses: {', '.join(said)}."
        )
    return text


def _table(results: Results, table: pd.DataFrame) -> Table:
    return Table(
        name="paper-speed-up",
        title="How many times as fast, by relation",
        caption="Medians over pairs of the medians over seeds; > more than, < less than, a to b where bounds"
        " leave it open. Faster and slower count pairs that differ by more than one evaluation interval; the rest are"
        " as fast, or cannot be told.",
        frame=table,
        columns={
            "backbone": "backbone",
            "what": "speed-up",
            "relation": "source and target",
            "pairs": "pairs",
            "median": "median",
            "faster": "faster",
            "slower": "slower",
        },
        snippet=snippet(results, 'tk.find_analysis("su2022_init").by_relation(results)'),
    )
