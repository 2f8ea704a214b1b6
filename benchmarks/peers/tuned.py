"""Other ways to tune a masked language model, in the expert's loop: all its weights, or a few beside frozen ones."""

from collections.abc import Callable
from typing import Literal

import torch
from peft import IA3Config, LoraConfig, PeftConfig, PrefixTuningConfig, get_peft_model
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from benchmarks.cases import Case
from benchmarks.harness import Job
from benchmarks.models import label_ids, stock
from benchmarks.peers.expert import loop
from benchmarks.peers.peft_model import TaskType

Method = Literal["all", "biases", "lora", "prefix", "ia3"]

FEATURES: TaskType = "FEATURE_EXTRACTION"  # PEFT has no task type for masked language models
RANK = 8
ADDED: dict[Method, Callable[[Case], PeftConfig]] = {
    "lora": lambda _case: LoraConfig(task_type=FEATURES, r=RANK),
    "prefix": lambda case: PrefixTuningConfig(task_type=FEATURES, num_virtual_tokens=case.prompt),
    "ia3": lambda _case: IA3Config(task_type=FEATURES),
}


class LabelWords(nn.Module):
    """A masked language model that reads its label words at the mask, and computes nothing else behind its blocks.

    Args:
        model: the stock model, for its head.
        body: its blocks, with whatever was added to them.
    """

    def __init__(self, model: PreTrainedModel, body: nn.Module) -> None:
        super().__init__()
        self.model, self.body = model, body

    def forward(self, input_ids: Tensor, attention_mask: Tensor, answer: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return loss and logits of the label words."""
        rows = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        head, words = self.model.lm_head, label_ids()
        at = head.layer_norm(F.gelu(head.dense(rows[torch.arange(len(answer)), answer])))
        logits = F.linear(at, head.decoder.weight[words], head.decoder.bias[words])
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


def training(case: Case, *, method: Method) -> Job:
    """Return a job that times whole steps; its unit is an example."""
    return loop(case, tuned(case, method), FEATURES)


def tuned(case: Case, method: Method) -> LabelWords:
    """Return a stock model of which only what a method trains wants gradients; its head does only where all does.

    PEFT has no BitFit (Ben Zaken et al. 2022): biases are the stock model's own.
    """
    model = stock(case.model, device=case.device).requires_grad_(method == "all")
    body = model.base_model
    if method == "biases":
        for name, parameter in body.named_parameters():
            parameter.requires_grad_(name.endswith("bias"))
    elif method != "all":
        body = get_peft_model(body, ADDED[method](case))
    return LabelWords(model, body).to(case.device)
