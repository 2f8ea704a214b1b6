"""Similarities of many prompts: our closed forms against the double loop over pairs they replace.

Run: python -m benchmarks.similarities [--prompts 300] [--rounds 3] [--quick]

Every prompt indicator is timed between all of the same random prompts, 100 rows of width 768. Beside the four of Su et
al. 2022 stands their loop, which compares two prompts at a time and, in the average forms, two rows at a time. It is
timed on 20 pairs and extrapolated to every unordered pair, so it too is spared the half that symmetry gives for free.
On those pairs the two are compared as numbers. The matching of rows is timed on fewer prompts and extrapolated. The
unit is CPU-seconds with one thread, since a second one on a busy machine burns time waiting.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from transferkit import provenance
from transferkit.artifacts import Prompt
from transferkit.indicators import BASELINES, EMBEDDING, GEOMETRY, VARIANTS, OptimalAssignment, PromptIndicator
from transferkit.shapes import FloatArray

ROWS, WIDTH, N_PAIRS, FEWER = 100, 768, 20, 60
RESULTS = Path(__file__).with_name("results")
Loop = Callable[[FloatArray, FloatArray], float]


def cosine(x: FloatArray, y: FloatArray) -> float:
    """Return the cosine of two vectors."""
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))


def distance(x: FloatArray, y: FloatArray) -> float:
    """Return the distance of two vectors."""
    return float(np.linalg.norm(x - y))


def mean_of_calls(of_rows: Loop, a: FloatArray, b: FloatArray) -> float:
    """Return the mean of one call per pair of rows."""
    return sum(of_rows(x, y) for x in a for y in b) / (len(a) * len(b))


LOOPS: dict[str, Loop] = {
    "euclidean_concat": lambda a, b: 1.0 / (1.0 + distance(a.ravel(), b.ravel())),
    "euclidean_average": lambda a, b: 1.0 / (1.0 + mean_of_calls(distance, a, b)),
    "cosine_concat": lambda a, b: cosine(a.ravel(), b.ravel()),
    "cosine_average": lambda a, b: mean_of_calls(cosine, a, b),
}


def main() -> None:
    """Time every indicator, print the table and append it to the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="20 prompts, one round, nothing kept")
    args = parser.parse_args()
    n_prompts, n_rounds = (20, 1) if args.quick else (args.prompts, args.rounds)
    prompts = make_prompts(n_prompts)
    facts = provenance.facts()
    machine = {fact: facts[fact] for fact in ("made", "processor", "cores", "versions", "git")}
    print(f"{'indicator':<30}{'CPU-s':>9}{'loop, extrapolated':>20}{'ratio':>9}{'difference':>12}")
    rows = []
    for indicator in (*EMBEDDING, *VARIANTS, *GEOMETRY, *BASELINES):
        with threadpool_limits(1):
            row = {**measure(indicator, prompts, n_rounds), **machine}
        rows.append(row)
        peer = f"{row['peer']:>20}{row['ratio']:>9}{row['max_difference']:>12.1e}" if row["peer"] else ""
        print(f"{row['indicator']:<30}{row['ours']:>9}{peer}{'  ' + row['note'] if row['note'] else ''}", flush=True)
    paper = sum(row["ours"] for row in rows if row["peer"])
    print(f"the four of Su et al. 2022 together: {paper:.1f} CPU-seconds")
    if not args.quick:
        with (RESULTS / "similarities.jsonl").open("a") as file:
            file.writelines(json.dumps(row, sort_keys=True) + "\n" for row in rows)


def make_prompts(n_prompts: int) -> list[Prompt]:
    """Return seeded random prompts with all the arrays an indicator may need."""
    generator = np.random.default_rng(0)
    live = np.ones(ROWS, dtype=bool)
    prompts = []
    for _ in range(n_prompts):
        vectors, initial, early = generator.standard_normal((3, ROWS, WIDTH), dtype=np.float32)
        prompts.append(Prompt(vectors, initial, live, early=early))
    return prompts


def measure(indicator: PromptIndicator, prompts: list[Prompt], n_rounds: int) -> dict:
    """Return what one indicator costs, as a line of the results."""
    few = prompts[:FEWER] if isinstance(indicator, OptimalAssignment) else prompts
    share = count_pairs(len(prompts)) / count_pairs(len(few))
    indicator(few[:4], few[:4])
    seconds = []
    for _ in range(n_rounds):
        begun = time.process_time()
        indicator(few, few)
        seconds.append(share * (time.process_time() - begun))
    ours = statistics.median(seconds)
    row = {
        "benchmark": "similarities",
        "indicator": indicator.name,
        "shape": f"{len(prompts)} prompts of {ROWS} × {WIDTH}, all pairs",
        "unit": "CPU-seconds, one thread; fewer is better",
        "ours": round(ours, 3),
        "peer": None,
        "n": n_rounds,
        "spread": round((max(seconds) - min(seconds)) / ours, 3),
        "note": f"extrapolated from {len(few)} prompts" if len(few) < len(prompts) else "",
    }
    if loop := LOOPS.get(indicator.name):
        peer, difference = against(loop, indicator, prompts)
        row |= {
            "peer_name": f"double loop, extrapolated from {N_PAIRS} pairs to {count_pairs(len(prompts))}",
            "peer": round(peer, 2),
            "ratio": round(peer / ours, 1),
            "max_difference": difference,
        }
    return row


def against(loop: Loop, indicator: PromptIndicator, prompts: list[Prompt]) -> tuple[float, float]:
    """Return the loop's CPU-seconds, extrapolated to all pairs, and its largest difference from ours."""
    generator = np.random.default_rng(1)
    pairs = [(0, 0), *(generator.integers(0, len(prompts), size=(N_PAIRS - 1, 2)))]
    arrays = [prompt.vectors.astype(np.float64) for prompt in prompts]
    begun = time.process_time()
    values = [loop(arrays[i], arrays[j]) for i, j in pairs]
    seconds = time.process_time() - begun
    ours = [indicator([prompts[i]], [prompts[j]])[0, 0] for i, j in pairs]
    return seconds * count_pairs(len(prompts)) / N_PAIRS, float(np.max(np.abs(np.subtract(values, ours))))


def count_pairs(n: int) -> int:
    """Return the number of unordered pairs, a prompt with itself included."""
    return n * (n + 1) // 2


if __name__ == "__main__":
    main()
