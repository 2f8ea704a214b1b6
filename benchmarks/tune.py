"""Choose a study's recipe on selection splits alone: prompts of several learning rates and lengths, and their scores.

Run: python -m benchmarks.tune analyses/distilbert.toml --tasks rotten_tomatoes --rates 0.01 0.03 --json FILE
It prints one JSON line per training run. Nothing is ever scored on the report splits, and nothing is kept.
"""

import argparse
import dataclasses
import itertools
import json
import tempfile
import time
from pathlib import Path

from transferkit import store, study
from transferkit.prompts import train
from transferkit.specs import PromptSpec
from transferkit.supplies import Supplies


def main() -> None:
    """Train every point of the grid and print its selection scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--tasks", nargs="+", help="tasks of the study; its first seed alone is trained")
    parser.add_argument("--rates", nargs="+", type=float, required=True, help="learning rates")
    parser.add_argument("--lengths", nargs="+", type=int, help="prompt lengths; the study's by default")
    parser.add_argument("--steps", nargs="+", type=int, help="steps, evaluated four times; the study's by default")
    parser.add_argument("--json", type=Path, help="file to add the lines to")
    args = parser.parse_args()
    asked = study.from_toml(args.study)
    recipe = asked.recipe
    grid = itertools.product(args.rates, args.lengths or [recipe.prompt_length], args.steps or [recipe.steps])
    for rate, length, steps in grid:
        changed = dataclasses.replace(
            recipe, learning_rate=rate, prompt_length=length, steps=steps, evaluate_every=-(-steps // 4)
        )
        one = dataclasses.replace(asked, recipe=changed, seeds=asked.seeds[:1])
        for spec in one.prompts():
            if args.tasks and spec.task.name not in args.tasks:
                continue
            line = json.dumps(_trained(spec, asked.backbone_names[0]))
            print(line, flush=True)
            if args.json:
                with args.json.open("a") as file:
                    file.write(line + "\n")


def _trained(spec: PromptSpec, name: str) -> dict[str, object]:
    """Train one prompt and return its selection scores with what it took."""
    with tempfile.TemporaryDirectory() as folder:
        supplies = Supplies(store.Store(Path(folder)))
        backbone = supplies.backbone(name, spec.backbone, spec.readout.kind)
        job = supplies.job(spec, backbone)
        begun = time.process_time()
        prompt, _ = train(job, backbone)
    return {
        "backbone": name,
        "task": spec.task.name,
        "seed": spec.seed,
        "rate": spec.recipe.learning_rate,
        "length": spec.recipe.prompt_length,
        "steps": spec.recipe.steps,
        "insert_after": spec.recipe.placement.insert_after,
        "generator": None if spec.recipe.generator is None else spec.recipe.generator.kind,
        "selection": [round(float(row["selection_score"] or 0), 3) for row in prompt.history],
        "cpu_s": round(time.process_time() - begun, 1),
    }


if __name__ == "__main__":
    main()
