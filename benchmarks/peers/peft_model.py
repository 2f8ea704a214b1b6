"""A PEFT prompt on a stock model, and batches as that model takes them."""

from typing import Literal

import torch
from peft import PromptTuningConfig, get_peft_model
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.cases import LONGEST, Case
from benchmarks.models import label_ids, stock
from transferkit.batches import Encoded
from transferkit.shapes import IntArray

# Which head a user trains a prompt with. PEFT has no task type for masked language models: such users take features.
TaskType = Literal["SEQ_CLS", "CAUSAL_LM", "SEQ_2_SEQ_LM", "FEATURE_EXTRACTION"]
Padding = Literal["fixed", "dynamic"]
IGNORED = -100

USUAL: dict[str, TaskType] = {"masked": "SEQ_CLS", "causal": "CAUSAL_LM", "seq2seq": "SEQ_2_SEQ_LM"}


class AtMask(nn.Module):
    """A masked language model under PEFT: logits of the whole vocabulary everywhere, then those at the mask."""

    def __init__(self, model: nn.Module, n_prompt: int) -> None:
        super().__init__()
        self.model, self.n_prompt = model, n_prompt

    def forward(self, input_ids: Tensor, attention_mask: Tensor, answer: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return loss and logits of the label words."""
        everywhere = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        at = everywhere[torch.arange(len(answer)), self.n_prompt + answer]
        logits = at[:, label_ids()]
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


def with_prompt(case: Case, task_type: TaskType) -> nn.Module:
    """Return a stock model with a PEFT prompt, all else frozen (but for the classifier of SEQ_CLS, as PEFT has it)."""
    base = stock(case.model, head="classes" if task_type == "SEQ_CLS" else "words", device=case.device)
    model = get_peft_model(base, PromptTuningConfig(task_type=task_type, num_virtual_tokens=case.prompt))
    return AtMask(model, case.prompt).to(case.device) if task_type == "FEATURE_EXTRACTION" else model.to(case.device)


def columns(encoded: Encoded, index: IntArray, task_type: TaskType, padding: Padding) -> dict[str, Tensor]:
    """Return examples as a stock model takes them: padded to 128 tokens or to the longest of the batch.

    Causal examples carry their label word behind the text, which is how a causal model is taught a class.
    """
    batch = encoded.batch(index)
    words = torch.tensor(label_ids())[batch.gold]
    ids, mask = batch.ids, batch.mask.long()
    found: dict[str, Tensor] = {"labels": words.unsqueeze(1) if task_type == "SEQ_2_SEQ_LM" else batch.gold}
    if task_type == "CAUSAL_LM":
        ends = mask.sum(1, keepdim=True)
        ids = F.pad(ids, (0, 1), value=encoded.pad_id).scatter(1, ends, words.unsqueeze(1))
        mask = F.pad(mask, (0, 1)).scatter(1, ends, 1)
        found["labels"] = torch.full_like(ids, IGNORED).scatter(1, ends, words.unsqueeze(1))
    more = max(0, LONGEST - ids.shape[1]) if padding == "fixed" else 0
    found["input_ids"] = F.pad(ids, (0, more), value=encoded.pad_id)
    found["attention_mask"] = F.pad(mask, (0, more))
    if task_type == "CAUSAL_LM":
        found["labels"] = F.pad(found["labels"], (0, more), value=IGNORED)
    if task_type == "FEATURE_EXTRACTION":
        found["answer"] = batch.answer
    return found
