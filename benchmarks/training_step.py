"""Prompt tuning of a real sentence encoder: our loop against PEFT driven by a plain loop and by the HF Trainer.

Run: python -m benchmarks.training_step [--backbone minilm-l6] [--rounds 3]

All train the same prompt on the same task with the same loss: cosine of the pooled text to label descriptions. The
peers are (a) PEFT with the HF Trainer as its documentation shows it, texts padded to a fixed length, (b) the same with
dynamic padding, (c) PEFT in a plain loop written by an expert: frozen weights, no dropout, batches bucketed by length.
Variants are interleaved, their order rotated each round; the unit is examples per CPU-second with one thread, the value
the median over rounds. Before anything is timed the losses of one batch are shown to be equal.
"""

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel, PromptTuningConfig, get_peft_model
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoModel, Trainer, TrainingArguments
from transformers.utils import logging

from transferkit import catalogue, provenance, tasks
from transferkit.backbones import Backbone
from transferkit.batches import Batch, Encoded, encode
from transferkit.examples import load
from transferkit.prompts import Data, make_initial, train
from transferkit.readouts import make_readout
from transferkit.readouts.embedding import Embedding, pool_mean
from transferkit.specs import EmbeddingReadout, PromptSpec, Recipe
from transferkit.tasks.base import Sizes

LENGTH, BATCH, STEPS, FIXED = 20, 16, 24, 64
RESULTS = Path(__file__).with_name("results")


class Classifier(nn.Module):
    """A PEFT prompt on the stock encoder, read as our embedding readout reads it."""

    def __init__(self, model: PeftModel, anchors: Tensor, scale: float) -> None:
        super().__init__()
        self.model, self.anchors, self.scale = model, anchors, scale

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return loss and logits."""
        hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        text = pool_mean(hidden[:, LENGTH:], attention_mask.bool())
        logits = self.scale * F.normalize(text, dim=-1) @ self.anchors.T
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


def classifier(name: str, readout: Embedding, initial: Tensor) -> Classifier:
    """Return a fresh peer that starts from our initial prompt."""
    stock = AutoModel.from_pretrained(catalogue.folder(name), dtype=torch.float32, add_pooling_layer=False)
    model = get_peft_model(stock, PromptTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=LENGTH))
    assert isinstance(model, PeftModel)
    with torch.no_grad():
        (weights,) = (p for p in model.parameters() if p.requires_grad)
        weights.copy_(initial)
    return Classifier(model, readout.anchors, readout.scale)


def columns(batch: Batch, width: int | None = None) -> dict[str, Tensor]:
    """Return a batch as the stock model takes it, padded further to a fixed width on demand."""
    more = 0 if width is None else width - batch.ids.shape[1]
    return {
        "input_ids": F.pad(batch.ids, (0, more)),
        "attention_mask": F.pad(batch.mask.long(), (0, more)),
        "labels": batch.gold,
    }


def trainer_loop(peer: Classifier, encoded: Encoded, *, fixed: bool) -> Callable[[], None]:
    """Return a run of the HF Trainer over random batches."""

    def collate(rows: list[int]) -> dict[str, Tensor]:
        return columns(encoded.batch(np.array(rows)), FIXED if fixed else None)

    def loop() -> None:
        with tempfile.TemporaryDirectory() as folder:
            options = TrainingArguments(
                folder,
                per_device_train_batch_size=BATCH,
                max_steps=STEPS,
                learning_rate=0.03,
                report_to=[],
                save_strategy="no",
                logging_strategy="no",
                use_cpu=True,
                disable_tqdm=True,
                remove_unused_columns=False,
            )
            Trainer(peer, options, train_dataset=list(range(len(encoded))), data_collator=collate).train()  # type: ignore[arg-type]

    return loop


def expert_loop(peer: Classifier, encoded: Encoded) -> Callable[[], None]:
    """Return a plain loop over bucketed batches: frozen weights, no dropout."""
    peer.eval()

    def loop() -> None:
        optimizer = torch.optim.AdamW([p for p in peer.parameters() if p.requires_grad], lr=0.03)
        for index in encoded.shuffled(BATCH, np.random.default_rng(0))[:STEPS]:
            optimizer.zero_grad()
            loss = peer(**columns(encoded.batch(index)))["loss"]
            loss.backward()
            nn.utils.clip_grad_norm_(peer.parameters(), 1.0)
            optimizer.step()

    return loop


def main() -> None:
    """Time every variant and keep the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="minilm-l6")
    parser.add_argument("--task", default="rotten_tomatoes")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()

    task = dataclasses.replace(
        tasks.find(args.task), sizes=Sizes(train=STEPS * BATCH, selection=16, report=50), max_tokens=FIXED
    )
    backbone = Backbone.load(args.backbone, device="cpu")
    examples = load(task)
    encoded, few = (encode(examples[s], task, backbone, "embedding", room=LENGTH) for s in ("train", "selection"))
    readout = make_readout(EmbeddingReadout(), backbone, task)
    assert isinstance(readout, Embedding)
    recipe = Recipe(prompt_length=LENGTH, learning_rate=0.03, steps=STEPS, evaluate_every=STEPS)
    spec = PromptSpec(backbone=backbone.spec, readout=EmbeddingReadout(), task=task, seed=0, recipe=recipe)
    start = make_initial(recipe.initial, backbone, length=LENGTH, seed=0, task=task, find_prompt=lambda _key: start)  # type: ignore[has-type]

    batch = encoded.batch(np.arange(BATCH))
    with torch.no_grad():
        ours = F.cross_entropy(readout.logits(backbone.embed(batch, start), batch), batch.gold)
        theirs = classifier(args.backbone, readout, start).eval()(**columns(batch))["loss"]
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)

    def our_loop() -> None:
        with tempfile.TemporaryDirectory() as scratch:
            train(spec, backbone, readout, Data(encoded, few), initial=start, scratch=Path(scratch))

    loops = {
        "transferkit": our_loop,
        "PEFT + Trainer, fixed padding": trainer_loop(classifier(args.backbone, readout, start), encoded, fixed=True),
        "PEFT + Trainer, dynamic padding": trainer_loop(
            classifier(args.backbone, readout, start), encoded, fixed=False
        ),
        "PEFT, expert loop": expert_loop(classifier(args.backbone, readout, start), encoded),
    }
    report(args.backbone, args.task, time_rounds(loops, args.rounds))


def time_rounds(loops: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Return examples per CPU-second of each variant, one value a round, after one round to warm up."""
    rates: dict[str, list[float]] = {name: [] for name in loops}
    names = list(loops)
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            begun = time.process_time()
            loops[name]()
            if number:
                rates[name].append(STEPS * BATCH / (time.process_time() - begun))
    return rates


def report(backbone: str, task: str, rates: dict[str, list[float]]) -> None:
    """Print the table and append it to the results."""
    ours = statistics.median(rates["transferkit"])
    facts = provenance.facts()
    rows = [
        {
            "benchmark": "training_step",
            "shape": f"{backbone}, {task}, prompt {LENGTH}, batch {BATCH}",
            "peer_name": name,
            "ours": round(ours, 2),
            "peer": round(statistics.median(values), 2),
            "ratio": round(ours / statistics.median(values), 2),
            "unit": "examples per CPU-second, one thread; ours includes two evaluations of 16 examples",
            "n": len(values),
            "spread": round((max(values) - min(values)) / statistics.median(values), 3),
            **{fact: facts[fact] for fact in ("made", "processor", "cores", "versions", "git")},
        }
        for name, values in rates.items()
        if name != "transferkit"
    ]
    with (RESULTS / "training_step.jsonl").open("a") as file:
        file.writelines(json.dumps(row, sort_keys=True) + "\n" for row in rows)
    for row in rows:
        print(f"{row['peer_name']:<34} ours {row['ours']:>7} peer {row['peer']:>7} ratio {row['ratio']:>5} ×")


if __name__ == "__main__":
    main()
