"""Huang et al. 2022 (FPT): the arithmetic of its Tables 1 and 2 by formula, and its losses beside a study's.

The arithmetic follows from the architecture: linear maps alone, forward, as their tool counts them; an encoder of 512
rows, prompt included; answers of 5 rows for two tasks, of 200 for two and of 512 for one; decoders whole where answers
are single words. Two rows of Table 2 do not follow from the released schedule, and are said not to. Scores cannot be
reproduced here, their models and steps being out of reach: what stands beside them are those of another backbone, other
tasks and far fewer steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from transferkit import flops
from transferkit.report import Part, Section, Table, Text
from transferkit.report.words import listed, snippet
from transferkit.results import Results

REFERENCE = Path(__file__).with_name("reference") / "fpt2022_tables.csv"
ROWS, PROMPT = 512, 20  # of an encoder, the prompt's included
# Rows of an answer in each of the five tasks: as the paper counted them, and as its training pads them. Where an answer
# is a class, the decoder is left whole.
ANSWERS: Mapping[flops.Convention, tuple[int, ...]] = {"ptflops": (5, 5, 200, 200, 512), "all": (10, 10, 200, 200, 512)}
LONGEST_CLASS = 10
STEPS = (0.2, 0.2, 0.2)  # of each stage; the rest is for the whole backbone
WHOLE_DECODER = "-encoder"  # ends the names of schedules and parts that leave the decoder whole, as theirs do
METHODS = {"LD": "depth", "FR": "width", "CR": "both"}
NEAR = 1.0  # point: what is printed is rounded to whole ones
SCHEDULES = {
    "backbone": "backbone",
    "schedule": "schedule",
    "printed": "printed, %",
    "ours": "by formula, %",
    "difference": "difference, points",
    "training": "of training, attention included, %",
    "follows": "follows from the released schedule",
}
STAGES = {
    "schedule": "schedule",
    "encoder_blocks": "blocks of the encoder",
    "ffn": "neurons",
    **{name: SCHEDULES[name] for name in ("printed", "ours", "difference", "training")},
}


def _t5(width: int, ffn: int) -> dict[str, object]:
    sizes = {"d_model": width, "d_ff": ffn, "d_kv": 64, "num_heads": width // 64, "num_layers": 24, "vocab_size": 32128}
    return {"model_type": "t5", "is_encoder_decoder": True, "feed_forward_proj": "gated-gelu", **sizes}


CONFIGS: Mapping[str, dict[str, object]] = {"t5-large": _t5(1024, 2816), "t5-xl": _t5(2048, 5120)}


def sections(results: Results) -> list[Section]:
    """Return the paper's arithmetic beside the formulas', and its losses beside a study's."""
    if not results.growth.table()["is_grown"].any():
        return []
    parts: list[Part] = [Text(body=sentence()), _stage_table(results), _schedule_table(results)]
    for frame, table in ((part_losses(results), _part_table), (schedule_losses(results), _loss_table)):
        parts += [table(results, frame)] if len(frame) else []
    return [Section(title="The paper's tables", slug="paper", parts=tuple(parts))]


def stages() -> pd.DataFrame:
    """Return the arithmetic of each part in Table 1, in per cent of the whole's: printed, and by formula."""
    printed = _printed(1, "flops_percent")
    rows = []
    for row in printed[printed["method"] != "PT"].to_dict("records"):
        blocks, ffn = int(row["encoder_blocks"]), int(row["ffn"])
        ours, training = (100 * _share("t5-large", blocks, ffn, how) for how in ("ptflops", "all"))
        found = {"schedule": METHODS[str(row["method"])], "encoder_blocks": blocks, "ffn": ffn}
        found |= {"printed": row["value"], "ours": ours, "difference": ours - row["value"], "training": training}
        rows.append(found)
    return pd.DataFrame(rows)


def schedules() -> pd.DataFrame:
    """Return the arithmetic of the schedules in Table 2, in per cent of plain training's: printed, and by formula.

    `follows` says whether what is printed is what the released schedule comes to.
    """
    printed = _printed(2, "flops_percent")
    rows = []
    for row in printed[printed["method"] != "PT"].to_dict("records"):
        name, method = str(row["backbone"]), str(row["method"])
        ours, training = (_of_schedule(name, method, how) for how in ("ptflops", "all"))
        found = {"backbone": name, "schedule": METHODS[method], "printed": row["value"], "ours": ours}
        difference = ours - row["value"]
        rows.append({**found, "difference": difference, "training": training, "follows": abs(difference) <= NEAR})
    return pd.DataFrame(rows)


def sentence() -> str:
    """Say which rows the formulas reproduce, and which do not follow from the schedule that was released."""
    of_parts, of_schedules = stages(), schedules()
    near = int((of_parts["difference"].abs() <= NEAR).sum())
    follows = of_schedules["follows"]
    odd = [
        f"{row['backbone']} in {row['schedule']} ({row['printed']:g} % printed, {row['ours']:.1f} % by formula)"
        for row in of_schedules[~follows].to_dict("records")
    ]
    rest = f" Not from the released schedule: {listed(odd)}." if odd else ""
    return (
        f"The arithmetic the paper prints follows from the formulas, within {NEAR:g} point, for {near} of"
        f" {len(of_parts)} parts (Table 1) and {int(follows.sum())} of {len(of_schedules)} schedules (Table 2).{rest}"
    )


def part_losses(results: Results) -> pd.DataFrame:
    """Return what training and scoring on a part alone loses: the paper's average, and a study's, in points."""
    printed = _printed(1, "delta")
    ours = results.growth.parts.table()
    cut = [ours[name].str.removesuffix(WHOLE_DECODER) for name in ("schedule", "part")]
    rows = []
    for row in printed.to_dict("records"):
        schedule, part = METHODS[str(row["method"])], _part_name(row)
        for own in ours[(cut[0] == schedule) & (cut[1] == part)].to_dict("records"):
            delta = 100 * float(own["delta"])
            found = {name: own[name] for name in ("schedule", "part", "backbone")} | {"printed": row["value"]}
            rows.append({**found, "ours": delta, "difference": delta - row["value"], "keys": own["keys"]})
    return pd.DataFrame(rows)


def schedule_losses(results: Results) -> pd.DataFrame:
    """Return a schedule's gain over plain training, of all steps and at equal arithmetic: printed and a study's."""
    ours = results.growth.table()
    ours = ours[ours["is_grown"].astype(bool)].assign(cut=ours["way"].str.removesuffix(WHOLE_DECODER))
    average, improve = _printed(2, "average"), _printed(2, "improve")
    rows = []
    for own in ours[ours["cut"].isin(METHODS.values())].to_dict("records"):
        for row in improve[improve["backbone"] == "t5-large"].to_dict("records"):
            if METHODS[str(row["method"])] != own["cut"]:
                continue
            large = average[average["backbone"] == "t5-large"].set_index("method")["value"]
            gain, equal = 100 * float(own["gain"]), 100 * float(own["equal_gain"])
            found = {"schedule": own["way"], "backbone": own["backbone"], "keys": own["keys"]}
            found |= {"printed": large[str(row["method"])] - large["PT"], "ours": gain}
            found |= {"printed_equal": row["value"], "ours_equal": equal}
            found |= {"difference": gain - found["printed"], "difference_equal": equal - row["value"]}
            rows.append(found)
    return pd.DataFrame(rows)


# --- arithmetic -------------------------------------------------------------------------------------------------------
def _printed(table: int, metric: str) -> pd.DataFrame:
    known = pd.read_csv(REFERENCE)
    return known[(known["table"] == table) & (known["metric"] == metric)]


def _share(name: str, blocks: int, ffn: int, convention: flops.Convention) -> float:
    """Return the arithmetic of a part, of the whole's: mean over the five tasks."""
    whole = flops.whole(CONFIGS[name])
    shares = []
    for answer in ANSWERS[convention]:
        cut = (ffn,) * blocks
        kept = flops.Kept(cut, whole.decoder if answer <= LONGEST_CLASS else cut)
        part, full = (
            flops.prompt_cost(CONFIGS[name], ROWS - PROMPT, PROMPT, answer=answer, kept=of, convention=convention).total
            for of in (kept, whole)
        )
        shares.append(part / full)
    return float(np.mean(shares))


def _of_schedule(name: str, method: str, convention: flops.Convention) -> float:
    whole = flops.whole(CONFIGS[name])
    n_blocks, ffn = len(whole.encoder), whole.encoder[0]
    sizes = [
        (n_blocks * stage // 4 if method != "FR" else n_blocks, ffn * stage // 4 if method != "LD" else ffn)
        for stage in (1, 2, 3)
    ]
    return flops.schedule_share(STEPS, [100 * _share(name, *size, convention) for size in sizes], 100.0) * 100


def _part_name(row: Mapping[object, object]) -> str:
    """Return what a part of Table 1 is called here."""
    blocks, ffn = (float(str(row[name])) for name in ("encoder_blocks", "ffn"))
    whole = flops.whole(CONFIGS["t5-large"])
    shares = {"d": blocks / len(whole.encoder), "w": ffn / whole.encoder[0]}
    return "-".join(f"{letter}{100 * share:g}" for letter, share in shares.items() if share < 1)


# --- tables -----------------------------------------------------------------------------------------------------------
def _stage_table(results: Results) -> Table:
    return Table(
        name="paper-parts",
        title="Table 1: the arithmetic of parts of T5-Large",
        caption="Forward pass, linear maps alone, mean over five tasks, of the whole's: printed, and by formula. The"
        " last: forward and backward, attention included.",
        frame=stages(),
        columns=STAGES,
        snippet=snippet(results, 'tk.find_analysis("fpt2022_growth").stages()'),
    )


def _schedule_table(results: Results) -> Table:
    return Table(
        name="paper-schedules",
        title="Table 2: the arithmetic of schedules",
        caption="20, 20, 20 and 40 % of the steps, of plain training's. Printed numbers that do not follow are the"
        " paper's: another split of the steps would give them, but none was released.",
        frame=schedules(),
        columns=SCHEDULES,
        snippet=snippet(results, 'tk.find_analysis("fpt2022_growth").schedules()'),
    )


def _part_table(results: Results, frame: pd.DataFrame) -> Table:
    return Table(
        name="paper-part-losses",
        title="Table 1: what training on a part alone loses",
        caption="Mean score on the part minus that of the whole on the whole, points. Theirs: T5-Large, five tasks,"
        " 30,000 steps; ours: another backbone, other tasks, far fewer steps. The difference is of settings, not an"
        " error.",
        frame=frame,
        columns={
            "schedule": "schedule",
            "part": "part",
            "printed": "T5-Large, printed",
            "backbone": "backbone",
            "ours": "ours",
            "difference": "difference",
        },
        snippet=snippet(results, 'tk.find_analysis("fpt2022_growth").part_losses(results)'),
        keys=_keys(frame),
    )


def _loss_table(results: Results, frame: pd.DataFrame) -> Table:
    return Table(
        name="paper-schedule-losses",
        title="Table 2: what growing loses and gains",
        caption="Points over plain training of all steps, and over plain training of equal arithmetic (theirs: stopped"
        " there; ours: the shortest one of the study that takes no less). Theirs: T5-Large, five tasks.",
        frame=frame,
        columns={
            "schedule": "schedule",
            "backbone": "backbone",
            "printed": "over plain, printed",
            "ours": "ours",
            "difference": "difference",
            "printed_equal": "at equal arithmetic, printed",
            "ours_equal": "ours ",
            "difference_equal": "difference ",
        },
        snippet=snippet(results, 'tk.find_analysis("fpt2022_growth").schedule_losses(results)'),
        keys=_keys(frame),
    )


def _keys(frame: pd.DataFrame) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(frame["keys"]).split()))
