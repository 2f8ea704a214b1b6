"""Before anything is timed: ours computes what the stock model computes, logits and gradient of the prompt alike."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from benchmarks.cases import Case, bucketed, examples
from benchmarks.harness import Job, Turn
from benchmarks.models import Dtype, kind_of, label_ids, stock
from benchmarks.ours import Setting, start
from transferkit.batches import Batch
from transferkit.readouts import losses
from transferkit.specs import Placement

N_EXAMPLES = 4
LOGITS, GRADIENT, COSINE = 1e-5, 1e-4, 0.99


def equality(case: Case, *, dtype: Dtype = "float32") -> Job:
    """Return a job that compares ours with the stock model in fp32 on a few examples.

    In fp32 the largest difference of the logits must be below 1e-5 of the largest logit, that of the gradients below
    1e-4 of its norm; in bf16 the cosine of the gradients must reach 0.99.
    """

    def turn() -> Turn:
        encoded = examples(case)
        index = bucketed(encoded, case.batch, 1)[0][:N_EXAMPLES]
        index[-1] = int(encoded.lengths.argmax())  # so that something is padded
        batch = encoded.batch(index).to(torch.device(case.device))
        setting = Setting.of(case, dtype=dtype)
        rows = start(case, setting.backbone.width)[0].to(case.device)
        ours = _with_gradient(rows, lambda prompt: _ours(setting, batch, prompt), batch.gold)
        del setting
        model = stock(case.model, device=case.device).requires_grad_(False)
        theirs = _with_gradient(rows, lambda prompt: plain(model, case, batch, prompt), batch.gold)
        found = differences(*ours, *theirs)
        if dtype == "float32":
            ok = found["logits"] <= LOGITS and found["gradient"] <= GRADIENT
        else:
            ok = found["cosine"] >= COSINE
        if not ok:
            raise AssertionError(f"{case}, {dtype}: ours is not the stock computation: {found}")
        return Turn(1, 0.0, 0.0, found)

    return turn


def differences(logits: Tensor, gradient: Tensor, their_logits: Tensor, their_gradient: Tensor) -> dict[str, float]:
    """Return how far ours is from theirs: of logits relative to the largest, of gradients relative to the norm."""
    return {
        "logits": float((logits - their_logits).abs().max() / their_logits.abs().max()),
        "gradient": float((gradient - their_gradient).norm() / their_gradient.norm()),
        "cosine": float(F.cosine_similarity(gradient.flatten(), their_gradient.flatten(), dim=0)),
    }


def plain(model: PreTrainedModel, case: Case, batch: Batch, prompt: Tensor) -> Tensor:
    """Return the stock model's logits of the label words, prompt rows in front of the word vectors as in PEFT."""
    words = model.get_input_embeddings()(batch.ids)
    rows = torch.cat([prompt.expand(len(words), -1, -1), words], dim=1)
    mask = torch.cat([batch.mask.new_ones(len(words), len(prompt)), batch.mask], dim=1).long()
    if kind_of(case.model) == "seq2seq":
        first = batch.ids.new_full((len(words), 1), model.config.decoder_start_token_id)
        everywhere = model(inputs_embeds=rows, attention_mask=mask, decoder_input_ids=first, use_cache=False).logits
        return everywhere[:, 0, label_ids()]
    options = {"use_cache": False} if kind_of(case.model) == "causal" else {}
    everywhere = model(inputs_embeds=rows, attention_mask=mask, **options).logits
    return everywhere[torch.arange(len(words)), len(prompt) + batch.answer][:, label_ids()]


def _ours(setting: Setting, batch: Batch, prompt: Tensor) -> Tensor:
    state = setting.backbone.enter(batch, prompt, Placement())
    return setting.readout.logits(state, batch)


def _with_gradient(rows: Tensor, logits_of: Callable[[Tensor], Tensor], gold: Tensor) -> tuple[Tensor, Tensor]:
    prompt = rows.clone().requires_grad_(True)
    logits = logits_of(prompt)
    (gradient,) = torch.autograd.grad(losses(logits, gold).mean(), prompt)
    return logits.detach().float(), gradient.float()
