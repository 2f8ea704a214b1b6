"""PEFT driven by the HF Trainer, as its documentation shows it: default dropout, texts padded to 128 or by batch."""

import tempfile
from collections.abc import Callable
from functools import partial

import numpy as np
from torch import Tensor, nn
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from benchmarks.cases import Case, examples, shuffled, split
from benchmarks.harness import Job, Laps, Stopwatch, Turn
from benchmarks.models import kind_of
from benchmarks.peers.peft_model import USUAL, Padding, TaskType, columns, with_prompt
from transferkit.batches import Encoded

Collate = Callable[[list[int]], dict[str, Tensor]]


class Timed(TrainerCallback):
    """Times whole steps and ends the run when enough of them were timed."""

    def __init__(self, laps: Laps) -> None:
        self.laps = laps

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> TrainerControl:
        """Note the end of a step."""
        control.should_training_stop = self.laps.lap()
        return control


def training(case: Case, *, padding: Padding, task_type: TaskType | None = None, bf16: bool = False) -> Job:
    """Return a job that times whole steps of `Trainer.train`; its unit is an example.

    Args:
        case: what is trained on.
        padding: "fixed", or "dynamic" with examples in random order.
        task_type: PEFT's; the usual one of the model's kind by default.
        bf16: the Trainer's own switch. Only for a process of its own.
    """
    task_type = task_type or USUAL[kind_of(case.model)]
    model = with_prompt(case, task_type)
    encoded = examples(case)
    # Batches padded to one length are alike: fewer of them say as much.
    steps = max(1, case.steps // 3) if padding == "fixed" else max(1, 2 * case.steps // 3)
    order = np.concatenate([np.arange(case.batch), *shuffled(encoded, case.batch, steps)])  # the first is not timed

    def turn() -> Turn:
        laps = Laps(steps, case.device)
        trainer = _trainer(model, case, partial(_collate, encoded, task_type, padding), steps=steps, bf16=bf16)
        trainer.train_dataset = order.tolist()
        trainer.add_callback(Timed(laps))
        trainer.train()
        return laps.watch.turn(steps * case.batch)

    return turn


def prediction(
    case: Case, *, padding: Padding, means: tuple[int, ...] = (), n_batches: int | None = None, bf16: bool = False
) -> Job:
    """Return a job that times `Trainer.predict`; its unit is an example.

    Logits are reduced to answers batch by batch, as the documentation of language modelling shows it; otherwise those
    of a whole vocabulary would be gathered for all examples.

    Args:
        case: what is scored.
        padding: "fixed", or "dynamic" with examples in random order.
        means: mean lengths of the tasks scored one after the other; the case's by default.
        n_batches: batches per task; the case's steps by default.
        bf16: whether to evaluate under the Trainer's `bf16_full_eval`. Only for a process of its own.
    """
    task_type = USUAL[kind_of(case.model)]
    model = with_prompt(case, task_type)
    n = n_batches or case.steps
    if padding == "fixed":
        n = max(1, n // 2)
    tasks = [split(case, mean, n) for mean in means or (case.mean,)]
    trainers = []
    for encoded in tasks:
        order = np.concatenate(shuffled(encoded, case.batch, len(encoded) // case.batch)).tolist()
        collate = partial(_collate, encoded, task_type, padding)
        trainers.append((_trainer(model, case, collate, steps=1, bf16=bf16), order))
    trainers[0][0].predict(trainers[0][1][: case.batch])

    def turn() -> Turn:
        with Stopwatch(case.device) as watch:
            for trainer, order in trainers:
                trainer.predict(order)
        return watch.turn(sum(len(order) for _, order in trainers))

    return turn


def _trainer(model: nn.Module, case: Case, collate: Collate, *, steps: int, bf16: bool) -> Trainer:
    options = TrainingArguments(
        tempfile.gettempdir(),  # nothing is saved
        per_device_train_batch_size=case.batch,
        per_device_eval_batch_size=case.batch,
        max_steps=steps + 1,
        learning_rate=0.005,
        train_sampling_strategy="sequential",  # the order was drawn before, with typical batches
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        use_cpu=case.device == "cpu",
        bf16=bf16,
        bf16_full_eval=bf16,
        disable_tqdm=True,
        remove_unused_columns=False,
        label_names=["labels"],
    )
    trainer = Trainer(model, options, data_collator=collate, preprocess_logits_for_metrics=_answers)
    trainer.remove_callback(PrinterCallback)
    return trainer


def _collate(encoded: Encoded, task_type: TaskType, padding: Padding, rows: list[int]) -> dict[str, Tensor]:
    return columns(encoded, np.array(rows), task_type, padding)


def _answers(logits: Tensor | tuple[Tensor, ...], _labels: Tensor) -> Tensor:
    return (logits[0] if isinstance(logits, tuple) else logits).argmax(-1)
