"""Only the prompt moves, by the right gradient; an interrupted run ends bit for bit like an undisturbed one."""

import dataclasses
import itertools
import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from backbones.stock import stock_logits
from prompts.toy_training import TASK, Toy, toy_recipe
from tiny import make_tiny

from transferkit.artifacts import Prompt
from transferkit.backbones import Backbone, State
from transferkit.errors import RunError, StoreError
from transferkit.groups import training_groups
from transferkit.passes import Room
from transferkit.predictions import Entrant, Outcome, class_scores, metrics_of
from transferkit.prompts import Job, checkpoint, runs, steps, train, train_together, training
from transferkit.prompts.peft import peft_facts
from transferkit.readouts import losses, make_readout
from transferkit.specs import EmbeddingReadout, MaskedReadout, NormalInitial, Placement, PromptSpec, Recipe
from transferkit.tasks.base import Label


def column(prompt: Prompt, name: str) -> list[float]:
    return [row[name] for row in prompt.history]


def ranks(prompt: Prompt) -> list[tuple[float, float]]:
    return list(zip(column(prompt, "selection_score"), [-x for x in column(prompt, "selection_loss")], strict=True))


# --- what training does ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dropout", [False, True])
def test_only_the_prompt_moves(tiny: Backbone, tmp_path: Path, dropout: bool) -> None:
    before = {name: tensor.clone() for name, tensor in tiny.model.state_dict().items()}
    random_state = torch.get_rng_state()
    prompt, _ = Toy.of(tiny, toy_recipe(steps=4, evaluate_every=2, backbone_dropout=dropout)).run(tmp_path)
    assert not np.array_equal(prompt.vectors, prompt.initial)
    assert all(torch.equal(before[name], tensor) for name, tensor in tiny.model.state_dict().items())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in tiny.model.parameters())
    assert not tiny.model.training
    assert torch.equal(torch.get_rng_state(), random_state)


@pytest.mark.parametrize("kind", [MaskedReadout(), EmbeddingReadout()], ids=lambda kind: kind.kind)
@pytest.mark.parametrize("optimizer", ["adamw", "adafactor"])
def test_the_loss_falls(tmp_path: Path, kind: MaskedReadout | EmbeddingReadout, optimizer: str) -> None:
    backbone = make_tiny("bert", spread=10.0)  # sharp attention: its mask row knows the text
    recipe = toy_recipe(prompt_length=8, steps=60, evaluate_every=20, optimizer=optimizer, learning_rate=0.1)
    prompt, health = Toy.of(backbone, recipe, kind=kind).run(tmp_path)
    losses = column(prompt, "selection_loss")
    assert min(losses[1:]) < 0.7 * losses[0]
    assert max(column(prompt, "selection_score")) >= 0.9
    assert health["alarms"] == []
    assert column(prompt, "train_loss")[-1] < column(prompt, "train_loss")[1]
    assert health["steps"] == 60
    assert len(health["seconds"]) == 3


def test_history_says_what_happened(tiny_bert: Backbone, tmp_path: Path) -> None:
    done = []
    prompt, health = Toy.of(tiny_bert, toy_recipe(steps=10)).run(tmp_path, done.append)
    assert column(prompt, "step") == [0, 4, 8, 10]
    assert prompt.history[0]["train_loss"] is prompt.history[0]["gradient_norm"] is None
    assert column(prompt, "prompt_norm")[0] == pytest.approx(float(np.linalg.norm(prompt.initial)), rel=1e-6)
    assert all(0 < value < math.inf for value in column(prompt, "gradient_norm")[1:])
    assert done == [1] * 10
    assert health["steps"] == 10


def test_the_rows_at_the_early_step_are_kept(tiny_bert: Backbone, tmp_path: Path) -> None:
    prompt, _ = Toy.of(tiny_bert, toy_recipe(steps=10, early_step=4)).run(tmp_path / "whole")
    short, _ = Toy.of(tiny_bert, toy_recipe(steps=4, select="last")).run(tmp_path / "short")
    assert prompt.early is not None
    assert prompt.early.tobytes() == short.vectors.tobytes()
    assert short.early is None


@pytest.mark.parametrize(
    "placement", [Placement(), Placement(where="end"), Placement(entry="block", insert_after=2, where="after_first")]
)
def test_what_is_kept_scores_what_the_history_says(tiny: Backbone, tmp_path: Path, placement: Placement) -> None:
    toy = Toy.of(tiny, toy_recipe(placement=placement, steps=4, evaluate_every=2))
    prompt, _ = toy.run(tmp_path)
    entrant = Entrant(torch.from_numpy(prompt.vectors), placement)
    (logits,) = class_scores(tiny, toy.readout, toy.data.selection, [entrant], batch_size=32)
    metrics = metrics_of(TASK, toy.data.selection.gold, logits)
    assert (metrics["accuracy"], -metrics["loss"]) == max(ranks(prompt)[1:])


def test_peft_facts_stand_only_where_peft_has_such_prompts(tiny: Backbone, tmp_path: Path) -> None:
    prompt, _ = Toy.of(tiny, toy_recipe(steps=1)).run(tmp_path / "front")
    assert prompt.peft == peft_facts(tiny, Placement())
    assert prompt.live.all()
    for number, placement in enumerate([Placement(where="end"), Placement(entry="block")]):
        prompt, _ = Toy.of(tiny, toy_recipe(steps=1, placement=placement)).run(tmp_path / str(number))
        assert prompt.peft is None


def test_a_flat_update_equals_plain_autograd(tiny: Backbone, tmp_path: Path) -> None:
    """Two steps of the loop ≡ two steps of a literal one over the stock forward and torch's AdamW."""
    recipe = toy_recipe(steps=2, evaluate_every=2, weight_decay=0.1, clip_norm=0.5, schedule="linear", select="last")
    toy = Toy.of(tiny, recipe)
    prompt, _ = toy.run(tmp_path)

    rows = torch.nn.Parameter(toy.initial.clone())
    optimizer = torch.optim.AdamW([rows], weight_decay=0.1)
    names = [tiny.tokenizer.convert_tokens_to_ids(label.word) for label in TASK.labels]
    order = toy.data.train.shuffled(8, np.random.default_rng([0, runs.STREAM, 0]))
    for step in range(2):
        batch = toy.data.train.batch(order[step])
        if tiny.kind == "encoder-decoder":
            batch = dataclasses.replace(batch, decoder_ids=torch.full((8, 1), tiny.config.decoder_start_token_id))
        logits = stock_logits(tiny, batch, rows)[torch.arange(8), batch.answer][:, names]
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, batch.gold).backward()
        torch.nn.utils.clip_grad_norm_([rows], 0.5)
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 2)
        optimizer.step()
    np.testing.assert_allclose(prompt.vectors, rows.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [MaskedReadout(), EmbeddingReadout()], ids=lambda kind: kind.kind)
def test_the_gradient_is_that_of_finite_differences(kind: MaskedReadout | EmbeddingReadout) -> None:
    backbone = make_tiny("mpnet")
    backbone.model.double()
    toy = Toy.of(backbone, toy_recipe(), kind=kind)
    batch = toy.data.train.batch(np.arange(6))

    def value(rows: torch.Tensor) -> torch.Tensor:
        return losses(toy.readout.logits(backbone.enter(batch, rows, Placement()), batch).double(), batch.gold).mean()

    rows = toy.initial.double().requires_grad_()
    (gradient,) = torch.autograd.grad(value(rows), rows)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for _ in range(4):
            direction = torch.from_numpy(rng.normal(size=rows.shape))
            slope = (value(rows + 1e-3 * direction) - value(rows - 1e-3 * direction)) / 2e-3
            # class scores are float32 whatever the backbone is, hence the tolerance
            assert slope.item() == pytest.approx((gradient * direction).sum().item(), rel=0.02, abs=1e-3)


# --- choosing --------------------------------------------------------------------------------------------------------
def test_best_is_the_best_evaluation_and_never_the_untrained_start(tiny_bert: Backbone, tmp_path: Path) -> None:
    for seed in range(2):
        # A rate this small changes next to nothing, and one this large ruins: the start would often win.
        for number, rate in enumerate((1e-9, 5.0)):
            toy = Toy.of(tiny_bert, toy_recipe(learning_rate=rate, evaluate_every=3), seed=seed)
            prompt, _ = toy.run(tmp_path / f"{seed}-{number}")
            best = max(range(1, len(prompt.history)), key=lambda i: (*ranks(prompt)[i], -i))
            stopped = toy.changed(steps=prompt.history[best]["step"], select="last", schedule="constant")
            same, _ = stopped.run(tmp_path / f"{seed}-{number}-last")
            assert np.array_equal(same.vectors, prompt.vectors)
            assert not np.array_equal(prompt.vectors, prompt.initial)


def test_last_is_the_last_step(tiny_bert: Backbone, tmp_path: Path) -> None:
    toy = Toy.of(tiny_bert, toy_recipe(select="last", steps=7, learning_rate=1.0))
    one, _ = toy.run(tmp_path / "one")
    other, _ = toy.changed(evaluate_every=7).run(tmp_path / "other")
    assert np.array_equal(one.vectors, other.vectors)


def scripted(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> None:
    """Let evaluations return these scores, the first being that of the untrained start."""
    said = iter(scores)

    def outcomes(*_args: object, **_kwargs: object) -> list[Outcome]:
        return [Outcome({"accuracy": next(said), "loss": 0.5}, None, None, n_distinct=2)]

    monkeypatch.setattr(training, "outcomes", outcomes)


@pytest.mark.parametrize(
    ("scores", "patience", "n_evaluations"),
    [
        ([0.9, 0.5, 0.4, 0.4], 2, 3),  # the untrained start is no yardstick
        ([0.1, 0.5, 0.6, 0.6, 0.6], 2, 4),  # an equal score is no improvement
        ([0.1, 0.5, 0.4, 0.6, 0.5, 0.5], 2, 5),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], 1, 6),
        ([0.1, 0.5, 0.4], 1, 2),
    ],
)
@pytest.mark.parametrize("select", ["best", "last"])
def test_patience_counts_evaluations_without_improvement(
    tiny_bert: Backbone,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scores: list[float],
    patience: int,
    n_evaluations: int,
    select: str,
) -> None:
    scripted(monkeypatch, [*scores, *[scores[-1]] * 10])
    toy = Toy.of(tiny_bert, toy_recipe(steps=6, evaluate_every=1, patience=patience, select=select))
    prompt, health = toy.run(tmp_path)
    assert len(prompt.history) == 1 + n_evaluations
    assert health["steps"] == n_evaluations


def test_patience_compares_with_the_best_whatever_is_selected(
    tiny_bert: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.1, 0.9, 0.3, 0.4, 0.5, 0.6, 0.7])
    prompt, _ = Toy.of(tiny_bert, toy_recipe(steps=6, evaluate_every=1, patience=2, select="last")).run(tmp_path)
    assert column(prompt, "step") == [0, 1, 2, 3]


def test_ties_go_to_the_lower_loss_then_the_earlier(
    tiny_bert: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter([(0.9, 0.1), (0.5, 0.7), (0.5, 0.6), (0.5, 0.6), (0.4, 0.1)])

    def outcomes(*_args: object, **_kwargs: object) -> list[Outcome]:
        return [Outcome(dict(zip(("accuracy", "loss"), next(said), strict=True)), None, None, n_distinct=2)]

    toy = Toy.of(tiny_bert, toy_recipe(steps=4, evaluate_every=1))
    with monkeypatch.context() as patched:
        patched.setattr(training, "outcomes", outcomes)
        prompt, _ = toy.run(tmp_path / "tied")
    second, _ = toy.changed(steps=2, select="last").run(tmp_path / "second")
    assert np.array_equal(prompt.vectors, second.vectors)


def test_the_tasks_metric_chooses(tiny_bert: Backbone, tmp_path: Path) -> None:
    toy = Toy.of(tiny_bert, toy_recipe())
    task = dataclasses.replace(TASK, metric="macro_f1")
    prompt, _ = dataclasses.replace(toy, spec=dataclasses.replace(toy.spec, task=task)).run(tmp_path)
    (logits,) = class_scores(
        tiny_bert,
        toy.readout,
        toy.data.selection,
        [Entrant(torch.from_numpy(prompt.initial), Placement())],
        batch_size=32,
    )
    assert column(prompt, "selection_score")[0] == metrics_of(task, toy.data.selection.gold, logits)["macro_f1"]


def test_training_never_sees_the_report_split() -> None:
    assert {field.name for field in dataclasses.fields(runs.Data)} == {"train", "selection"}


# --- failures --------------------------------------------------------------------------------------------------------
def test_a_loss_that_is_not_finite_names_step_and_fix(
    tiny_bert: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter([0.5, 0.4, math.nan, 0.3])

    def bad_loss(logits: torch.Tensor, _gold: torch.Tensor) -> torch.Tensor:
        return logits.sum(1) * 0 + next(values)

    monkeypatch.setattr(steps, "losses", bad_loss)
    with pytest.raises(
        RunError, match=r"toy, seed 0: the loss is nan at step 3\n.*learning_rate \(now 0.05\).*clip_norm"
    ):
        Toy.of(tiny_bert, toy_recipe()).run(tmp_path)
    assert not tiny_bert.model.training


def test_rows_that_blow_up_before_an_evaluation_are_a_run_error(tiny_bert: Backbone, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="at step"):
        Toy.of(tiny_bert, toy_recipe(learning_rate=1e25, clip_norm=None, evaluate_every=1)).run(tmp_path)


def test_a_failed_step_leaves_dropout_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = make_tiny("bert")

    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("on purpose")

    toy = Toy.of(backbone, toy_recipe(backbone_dropout=True))
    monkeypatch.setattr(steps, "losses", fail)
    with pytest.raises(RuntimeError, match="on purpose"):
        toy.run(tmp_path)
    assert not backbone.model.training


def test_alarms_reach_the_health_report(tiny_bert: Backbone, tmp_path: Path) -> None:
    labels = (*TASK.labels, Label(value="x", word="money", description="x"))
    toy = Toy.of(tiny_bert, toy_recipe(steps=2, evaluate_every=1, initial=NormalInitial(std=1e-4), learning_rate=50.0))
    task = dataclasses.replace(TASK, labels=labels)
    toy = dataclasses.replace(
        toy, spec=dataclasses.replace(toy.spec, task=task), readout=make_readout(MaskedReadout(), tiny_bert, task)
    )
    _, health = toy.run(tmp_path)
    assert any("norm blow-up" in alarm for alarm in health["alarms"])


# --- resuming --------------------------------------------------------------------------------------------------------
class Interrupted(Exception):
    """What a test raises in place of a kill."""


def interrupted(toy: Toy, scratch: Path, rng: random.Random, times: int) -> tuple[Prompt, int]:
    """Train with interruptions after random numbers of steps, then to the end."""
    n_broken = 0
    for _ in range(times):
        left = rng.randint(1, min(4, toy.spec.recipe.steps - 1))

        def progress(n: int) -> None:
            nonlocal left
            left -= n
            if left <= 0:
                raise Interrupted

        try:
            prompt, _ = toy.run(scratch, progress)
        except Interrupted:
            n_broken += 1
            torch.randn(3)  # another process begins with another random state
        else:
            return prompt, n_broken
    return toy.run(scratch)[0], n_broken


RESUMED: list[Recipe] = [
    toy_recipe(),
    toy_recipe(optimizer="adafactor", learning_rate=0.3, weight_decay=1e-5, schedule="linear", warmup_steps=3),
    toy_recipe(backbone_dropout=True, schedule="cosine"),
    toy_recipe(backbone_dropout=True, optimizer="adafactor", placement=Placement(entry="block", insert_after=2)),
    toy_recipe(steps=17, evaluate_every=1, patience=3),
    toy_recipe(steps=13, evaluate_every=5, select="last"),
]


@pytest.mark.parametrize(
    ("family", "number"),
    [
        *(("bert", number) for number in range(len(RESUMED))),
        *(("modernbert", number) for number in (0, 3)),
        *(("gpt2", number) for number in (1, 2)),
        *(("t5", number) for number in (3, 4)),
    ],
)
def test_interrupted_equals_undisturbed(family: str, tmp_path: Path, number: int) -> None:
    toy = Toy.of(make_tiny(family), RESUMED[number], seed=number)
    whole, _ = toy.run(tmp_path / "whole")
    whole.write(tmp_path / "whole")
    broken, n_broken = interrupted(toy, tmp_path / "broken", random.Random(number), times=4)
    broken.write(tmp_path / "broken")
    assert n_broken >= 1
    for name in ("adapter_model.safetensors", "history.csv"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "broken" / name).read_bytes(), name


def test_a_finished_run_is_not_run_again(tiny_bert: Backbone, tmp_path: Path) -> None:
    """Killed between the last checkpoint and the store: what is left to do is nothing."""
    toy = Toy.of(tiny_bert, toy_recipe())
    whole, health = toy.run(tmp_path)
    done = []
    again, health_again = toy.run(tmp_path, done.append)
    assert done == [12]
    assert np.array_equal(whole.vectors, again.vectors)
    assert health.pop("cpu_seconds_before") == 0 < health_again.pop("cpu_seconds_before")
    assert health_again == health


def test_the_cpu_time_of_killed_processes_is_counted(
    tiny_bert: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys = [Toy.of(tiny_bert, toy_recipe(), seed=seed) for seed in range(2)]
    jobs = [toy.job(tmp_path / str(seed)) for seed, toy in enumerate(toys)]
    seconds = itertools.count(step=10)
    monkeypatch.setattr(training.time, "process_time", lambda: next(seconds))
    monkeypatch.setattr(training, "_clock", lambda _backbone: 0.0)  # what steps alone take is counted apart
    steps_done = itertools.count(1)
    with pytest.raises(KeyboardInterrupt):
        train_together(jobs, tiny_bert, progress=lambda _n: kill_at(18, next(steps_done)))
    found = train_together(jobs, tiny_bert)
    assert [health["cpu_seconds_before"] for _, health in found] == [10.0, 10.0]  # two evaluations, each shared by two


def kill_at(last: int, step: int) -> None:
    if step == last:
        raise KeyboardInterrupt


def test_patience_that_ran_out_stays_run_out(
    tiny_bert: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.1, 0.5, 0.4, 0.3])  # a fifth evaluation would find nothing left to say
    toy = Toy.of(tiny_bert, toy_recipe(steps=9, evaluate_every=1, patience=2))
    whole, _ = toy.run(tmp_path)
    again, _ = toy.run(tmp_path)
    assert len(whole.history) == 4
    assert whole.history == again.history


@pytest.mark.parametrize("left", [b"", b"garbage", None])
def test_an_unreadable_state_is_begun_anew(tiny_bert: Backbone, tmp_path: Path, left: bytes | None) -> None:
    toy = Toy.of(tiny_bert, toy_recipe())
    whole, _ = toy.run(tmp_path / "whole")
    broken = tmp_path / "broken" / "state"
    broken.mkdir(parents=True)
    if left is not None:
        (broken / checkpoint.FILE).write_bytes(left)
    (broken / f"{checkpoint.FILE}.partial").write_bytes(b"half")
    again, _ = toy.run(tmp_path / "broken")
    assert np.array_equal(whole.vectors, again.vectors)


def test_a_state_is_replaced_at_once(tiny_bert: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Toy.of(tiny_bert, toy_recipe())
    whole, _ = toy.run(tmp_path / "whole")
    kept = checkpoint.save_file
    n_saved = 0

    def torn(tensors: object, path: Path, facts: object) -> None:
        nonlocal n_saved
        n_saved += 1
        kept(tensors, path, facts)
        if n_saved == 2:
            path.write_bytes(path.read_bytes()[:100])
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "save_file", torn)
        with pytest.raises(StoreError, match=r"No space.*\n.*free disk space"):
            toy.run(tmp_path / "broken")
    done = []
    again, _ = toy.run(tmp_path / "broken", done.append)
    assert done[0] == 4  # the state of the first evaluation was still whole
    assert np.array_equal(whole.vectors, again.vectors)


def test_seeds_differ_in_start_and_order(tiny_bert: Backbone, tmp_path: Path) -> None:
    one, two = (Toy.of(tiny_bert, toy_recipe(), seed=seed) for seed in (0, 1))
    assert not torch.equal(one.initial, two.initial)
    same_start = dataclasses.replace(two, initial=one.initial)
    assert not np.array_equal(one.run(tmp_path / "a")[0].vectors, same_start.run(tmp_path / "b")[0].vectors)


def test_an_epoch_shows_every_example_once_and_epochs_differ(tiny_bert: Backbone) -> None:
    toy = Toy.of(tiny_bert, toy_recipe(batch_size=7))
    n = -(-len(toy.data.train) // 7)
    batches = runs.batches(toy.data.train, toy.spec, 0)
    epochs = [[next(batches).index.tolist() for _ in range(n)] for _ in range(2)]
    assert [sorted(i for index in epoch for i in index) for epoch in epochs] == [list(range(len(toy.data.train)))] * 2
    assert epochs[0] != epochs[1]
    for step in range(2 * n):
        later = runs.batches(toy.data.train, toy.spec, step)
        assert next(later).index.tolist() == (epochs[0] + epochs[1])[step]


# --- how many at once ------------------------------------------------------------------------------------------------
# A step of AdamW has the size of the learning rate, 0.05, however small its gradient.
SAME = {"rtol": 1e-4, "atol": 2e-3}


@pytest.mark.parametrize("most", [1, 3, 5])
@pytest.mark.parametrize("kind", [MaskedReadout(), EmbeddingReadout()], ids=lambda kind: kind.kind)
def test_micro_batches_give_the_numbers_of_whole_ones(
    tiny_bert: Backbone, tmp_path: Path, kind: MaskedReadout | EmbeddingReadout, most: int
) -> None:
    toy = Toy.of(tiny_bert, toy_recipe(batch_size=7), kind=kind)  # 7 divides into neither 3s nor 5s
    whole, _ = toy.run(tmp_path / "whole")
    pieces, _ = train(toy.job(tmp_path / "pieces"), tiny_bert, room=Room(most))
    np.testing.assert_allclose(pieces.vectors, whole.vectors, **SAME)
    for one, other in zip(pieces.history, whole.history, strict=True):
        for name in one:
            assert one[name] == (None if other[name] is None else pytest.approx(other[name], rel=1e-3))


@pytest.mark.parametrize(
    ("family", "placement"),
    [
        ("bert", Placement()),
        ("bert", Placement(where="end")),
        ("bert", Placement(entry="block", insert_after=2)),
        ("modernbert", Placement(entry="block", insert_after=2)),
        ("gemma3", Placement()),
        ("gemma3", Placement(entry="block", insert_after=2)),
        ("t5", Placement()),
        ("t5", Placement(where="end")),
        ("t5", Placement(entry="block", insert_after=2)),
    ],
)
def test_prompts_trained_together_are_those_trained_alone(family: str, tmp_path: Path, placement: Placement) -> None:
    tiny = make_tiny(family)
    recipe = toy_recipe(batch_size=7, steps=6, evaluate_every=3, placement=placement)
    toys = [Toy.of(tiny, recipe, seed=seed, n_train=n) for seed, n in ((0, 6), (1, 4), (2, 6))]
    alone = [toy.run(tmp_path / f"alone{i}")[0] for i, toy in enumerate(toys)]
    together = train_together([toy.job(tmp_path / f"together{i}") for i, toy in enumerate(toys)], tiny)
    for one, found in zip(alone, together, strict=True):
        assert not isinstance(found, RunError)
        np.testing.assert_allclose(found[0].vectors, one.vectors, **SAME)
        assert [row["step"] for row in found[0].history] == [row["step"] for row in one.history]


@pytest.mark.parametrize("size", [100, 6])
def test_a_shared_pass_gives_each_prompt_its_own_gradient(tiny: Backbone, tmp_path: Path, size: int) -> None:
    jobs = [Toy.of(tiny, toy_recipe(), seed=seed).job(tmp_path / str(seed)) for seed in range(3)]
    active = [
        (job, runs.Run.begin(job, tiny), job.data.train.batch(np.arange(n)))
        for job, n in zip(jobs, (8, 8, 5), strict=True)
    ]
    values = steps._gradients(tiny, active, size)
    together = [run.vectors.grad.clone() for _, run, _ in active]
    for one, value, gradient in zip(active, values, together, strict=True):
        (alone,) = steps._gradients(tiny, [one], 100)
        torch.testing.assert_close(value, alone, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(gradient, one[1].vectors.grad, rtol=1e-4, atol=1e-5)


def test_together_and_in_micro_batches(tiny_bert: Backbone, tmp_path: Path) -> None:
    toys = [Toy.of(tiny_bert, toy_recipe(), seed=seed) for seed in range(3)]
    alone = [toy.run(tmp_path / f"alone{i}")[0] for i, toy in enumerate(toys)]
    jobs = [toy.job(tmp_path / f"together{i}") for i, toy in enumerate(toys)]
    for one, found in zip(alone, train_together(jobs, tiny_bert, room=Room(7)), strict=True):
        np.testing.assert_allclose(found[0].vectors, one.vectors, **SAME)


def test_one_that_diverges_does_not_take_the_others_along(tiny_bert: Backbone, tmp_path: Path) -> None:
    toys = [Toy.of(tiny_bert, toy_recipe(), seed=seed) for seed in range(2)]
    alone, _ = toys[1].run(tmp_path / "alone")
    sick = dataclasses.replace(toys[0], initial=torch.full_like(toys[0].initial, 1e30))
    bad, good = train_together([sick.job(tmp_path / "bad"), toys[1].job(tmp_path / "good")], tiny_bert)
    assert isinstance(bad, RunError)
    assert not isinstance(good, RunError)
    np.testing.assert_allclose(good[0].vectors, alone.vectors, **SAME)


def test_together_interrupted_equals_undisturbed(tiny_bert: Backbone, tmp_path: Path) -> None:
    toys = [Toy.of(tiny_bert, toy_recipe(steps=14), seed=seed) for seed in range(2)]

    def jobs(name: str) -> list[Job]:
        return [toy.job(tmp_path / name / str(i)) for i, toy in enumerate(toys)]

    whole = train_together(jobs("whole"), tiny_bert)

    def stop_at(n: int) -> Callable[[int], None]:
        done = []

        def progress(steps: int) -> None:
            done.append(steps)
            if sum(done) >= n:
                raise Interrupted

        return progress

    for n in (11, 21):
        with pytest.raises(Interrupted):
            train_together(jobs("broken"), tiny_bert, progress=stop_at(n))
    again = train_together(jobs("broken"), tiny_bert)
    for one, other in zip(whole, again, strict=True):
        assert np.array_equal(one[0].vectors, other[0].vectors)
        assert one[0].history == other[0].history
    left = train_together(jobs("broken")[1:], tiny_bert)  # the first was put away when the process was killed
    assert np.array_equal(left[0][0].vectors, whole[1][0].vectors)


def test_prompts_left_in_other_company_go_on_where_they_were(tiny_bert: Backbone, tmp_path: Path) -> None:
    """A seed is added after a kill: those that had begun do not begin anew."""
    toys = [Toy.of(tiny_bert, toy_recipe(), seed=seed) for seed in range(3)]

    def job(seed: int) -> Job:
        made = toys[seed].job(tmp_path / str(seed))
        folder = tmp_path / "scratch" / str(seed)
        folder.mkdir(exist_ok=True, parents=True)
        return dataclasses.replace(made, scratch=folder)

    def stop(_steps: int) -> None:
        steps_done.append(_steps)
        if sum(steps_done) > 2 * 9:
            raise Interrupted

    steps_done: list[int] = []
    with pytest.raises(Interrupted):
        train_together([job(0), job(1)], tiny_bert, progress=stop)
    done: list[int] = []
    found = train_together([job(0), job(1), job(2)], tiny_bert, progress=done.append)
    assert done[:2] == [8, 8]
    assert sum(done) == 3 * 12
    for toy, one in zip(toys, found, strict=True):
        alone, _ = toy.run(tmp_path / f"alone{toy.spec.seed}")
        np.testing.assert_allclose(one[0].vectors, alone.vectors, **SAME)


def test_prompts_that_share_passes_share_what_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = make_tiny("bert")
    toys = [Toy.of(backbone, toy_recipe(steps=2, evaluate_every=2), seed=seed) for seed in range(4)]
    alone = [toy.run(tmp_path / f"alone{i}")[0] for i, toy in enumerate(toys)]
    small = Small(backbone, fits=2)
    monkeypatch.setattr(backbone, "finish", small)
    found = train_together([toy.job(tmp_path / f"small{i}") for i, toy in enumerate(toys)], backbone)
    for one, (prompt, _) in zip(alone, found, strict=True):
        np.testing.assert_allclose(prompt.vectors, one.vectors, **SAME)


class Small:
    """A backbone's `finish` on a machine where only so many examples fit."""

    def __init__(self, backbone: Backbone, fits: int) -> None:
        self.finish, self.fits, self.seen = backbone.finish, fits, []

    def __call__(self, state: State, rows: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(rows))
        if len(rows) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.finish(state, rows)


def test_a_batch_that_does_not_fit_is_halved_until_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    backbone = make_tiny("bert")
    toy = Toy.of(backbone, toy_recipe(steps=3, evaluate_every=3))
    whole, _ = toy.run(tmp_path / "whole")
    small = Small(backbone, fits=3)
    monkeypatch.setattr(backbone, "finish", small)
    room = Room()
    found, _ = train(toy.job(tmp_path / "small"), backbone, room=room)
    np.testing.assert_allclose(found.vectors, whole.vectors, **SAME)
    assert room.most == 2
    assert max(small.seen[5:]) == 2
    assert "memory ran out with 4 examples at once: going on with 2" in caplog.text


def test_a_refused_pass_uses_no_random_numbers_up() -> None:
    def work(size: int) -> torch.Tensor:
        drawn = torch.rand(3)
        if size > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return drawn

    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(Room().fit(8, work), expected)


def test_an_example_that_does_not_fit_alone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = make_tiny("bert")
    toy = Toy.of(backbone, toy_recipe())
    monkeypatch.setattr(backbone, "finish", Small(backbone, fits=0))
    with pytest.raises(RunError, match=r"one example alone does not fit.*\n.*lower max_tokens"):
        toy.run(tmp_path)


def test_groups_fill_a_step_and_no_more() -> None:
    spec = Toy.of(make_tiny("bert"), toy_recipe(batch_size=2, prompt_length=4)).spec  # 2 × (4 + 16) rows

    def specs(n: int, **fields: object) -> list[PromptSpec]:
        recipe = dataclasses.replace(spec.recipe, **fields)
        return [dataclasses.replace(spec, seed=seed, recipe=recipe) for seed in range(n)]

    assert [len(group) for group in training_groups(specs(12), "cpu")] == [5, 5, 2]
    assert [len(group) for group in training_groups(specs(3, batch_size=16), "cpu")] == [1, 1, 1]
    assert [len(group) for group in training_groups(specs(3, batch_size=16), "cuda")] == [3]
    assert [len(group) for group in training_groups(specs(2, backbone_dropout=True), "cuda")] == [1, 1]
    mixed = training_groups([*specs(2), *specs(2, learning_rate=0.5)], "cpu")
    assert [[s.recipe.learning_rate for s in group] for group in mixed] == [[0.05] * 2, [0.5] * 2]
