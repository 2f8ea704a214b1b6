"""What a linear probe finds of the label in a frozen backbone's rows, by depth: can a prompt find it there at all?

Run: python -m benchmarks.probe analyses/distilbert.toml --examples 500 --json FILE
It fits a logistic regression to rows of training texts without a prompt and prints, per task, its accuracy on the
selection split in front of each block and behind the last: on the mean text row, and on the row that answers. Nothing
is ever scored on the report splits, and nothing is kept.
"""

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from transferkit import store, study
from transferkit.backbones import Backbone
from transferkit.backbones.state import take_rows
from transferkit.batches import Encoded
from transferkit.readouts.embedding import pool_mean
from transferkit.shapes import FloatArray
from transferkit.specs import PromptSpec
from transferkit.supplies import Supplies

STRENGTH = 0.01  # inverse of the L2 penalty, as in `transferkit.measures.probes`
KINDS = ("mean_row", "answer_row")


def main() -> None:
    """Probe every task of a study of encoders and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--examples", type=int, default=500, help="training texts")
    parser.add_argument("--json", type=Path, help="file to add the lines to")
    args = parser.parse_args()
    asked = study.from_toml(args.study)
    asked = dataclasses.replace(
        asked, seeds=asked.seeds[:1], sizes=dataclasses.replace(asked.sizes, train=args.examples)
    )
    with tempfile.TemporaryDirectory() as folder:
        supplies = Supplies(store.Store(Path(folder)))
        for spec in asked.prompts():
            line = json.dumps(_probed(spec, asked.backbone_names[0], supplies))
            print(line, flush=True)
            if args.json:
                with args.json.open("a") as file:
                    file.write(line + "\n")


def _probed(spec: PromptSpec, name: str, supplies: Supplies) -> dict[str, object]:
    backbone = supplies.backbone(name, spec.backbone, spec.readout.kind)
    train, selection = (supplies.encoded(spec.task, split, backbone, spec, 0) for split in ("train", "selection"))
    fitted, scored = _rows(train, backbone), _rows(selection, backbone)
    accuracy = {
        kind: [
            round(_probe().fit(rows, train.gold).score(other, selection.gold), 3)
            for rows, other in zip(fitted[kind], scored[kind], strict=True)
        ]
        for kind in KINDS
    }
    return {
        "backbone": name,
        "task": spec.task.name,
        "n_train": len(train),
        "n": len(selection),
        "majority": round(float(np.bincount(selection.gold).max() / len(selection)), 3),
        **accuracy,
    }


def _probe() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=500))


@torch.no_grad()
def _rows(encoded: Encoded, backbone: Backbone) -> dict[str, list[FloatArray]]:
    """Return what each probe reads of every text, in front of each block and behind the last."""
    found = {kind: [np.zeros((len(encoded), backbone.width)) for _ in range(backbone.n_blocks + 1)] for kind in KINDS}
    for batch in encoded.in_order(32):
        state = backbone.embed(batch)
        for depth in range(backbone.n_blocks + 1):
            state = backbone.run(state, state.depth, depth)
            text = take_rows(state.hidden, state.text_rows).float()
            answer = take_rows(text, batch.answer.unsqueeze(1)).squeeze(1)
            for kind, rows in zip(KINDS, (pool_mean(text, batch.mask), answer), strict=True):
                found[kind][depth][batch.index.numpy()] = rows.numpy()
    return found


if __name__ == "__main__":
    main()
