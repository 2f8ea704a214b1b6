"""Choose the quickstart's recipe on selection splits alone: a small grid of prompt lengths and learning rates.

Run: python -m benchmarks.tune_quickstart --tasks rotten_tomatoes tweets_airline --lengths 10 20 --rates 0.01 0.03
It prints one JSON line per training run. Nothing is ever scored on the report splits.
"""

import argparse
import dataclasses
import itertools
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from transferkit import tasks
from transferkit.backbones import Backbone
from transferkit.batches import encode
from transferkit.examples import load
from transferkit.prompts import Data, make_initial, train
from transferkit.readouts import make_readout
from transferkit.specs import EmbeddingReadout, PromptSpec, Recipe
from transferkit.tasks.base import Sizes, Task


def main() -> None:
    """Train every point of the grid and print its selection scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="minilm-l6")
    parser.add_argument("--tasks", nargs="+", required=True)
    parser.add_argument("--lengths", nargs="+", type=int, default=[10])
    parser.add_argument("--rates", nargs="+", type=float, default=[0.03])
    parser.add_argument("--scales", nargs="+", type=float, default=[20.0])
    parser.add_argument("--batches", nargs="+", type=int, default=[16])
    parser.add_argument("--schedules", nargs="+", default=["linear"])
    parser.add_argument("--train", type=int, default=384)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--descriptions", type=Path, help="JSON: task → variant → label descriptions to try")
    args = parser.parse_args()
    backbone = Backbone.load(args.backbone)
    variants = json.loads(args.descriptions.read_text()) if args.descriptions else {}
    grid = itertools.product(
        [(name, variant) for name in args.tasks for variant in variants.get(name, {"": None})],
        args.lengths,
        args.rates,
        args.scales,
        args.batches,
        args.schedules,
        args.seeds,
    )
    for (name, variant), length, rate, scale, batch, schedule, seed in grid:
        sizes = Sizes(train=args.train, selection=400, report=50)
        task = dataclasses.replace(_described(name, variants.get(name, {}).get(variant)), sizes=sizes, max_tokens=64)
        examples = load(task)
        readout = EmbeddingReadout(scale=scale)
        steps = args.train * args.epochs // batch
        recipe = Recipe(
            prompt_length=length,
            learning_rate=rate,
            schedule=schedule,
            batch_size=batch,
            steps=steps,
            evaluate_every=steps // 3,
        )
        spec = PromptSpec(backbone=backbone.spec, readout=readout, task=task, seed=seed, recipe=recipe)
        rows = [encode(examples[s], task, backbone, "embedding", room=length) for s in ("train", "selection")]
        start = make_initial(recipe.initial, backbone, length=length, seed=seed, task=task, find_prompt=_no_prompt)
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as scratch:
            maker = make_readout(readout, backbone, task)
            prompt, _ = train(spec, backbone, maker, Data(*rows), initial=start, scratch=Path(scratch))
        line = {
            "task": name,
            "descriptions": variant,
            "length": length,
            "rate": rate,
            "scale": scale,
            "batch": batch,
            "schedule": schedule,
            "train": args.train,
            "epochs": args.epochs,
            "seed": seed,
            "selection": [round(float(row["selection_score"] or 0), 3) for row in prompt.history],
            "cpu_s": round(time.process_time() - begun, 1),
        }
        print(json.dumps(line), flush=True)


def _described(name: str, descriptions: list[str] | None) -> Task:
    task = tasks.find(name)
    if descriptions is None:
        return task
    labels = zip(task.labels, descriptions, strict=True)
    return dataclasses.replace(task, labels=tuple(dataclasses.replace(label, description=d) for label, d in labels))


def _no_prompt(key: str) -> np.ndarray:
    raise KeyError(key)


if __name__ == "__main__":
    main()
