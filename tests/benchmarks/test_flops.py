"""The counted arithmetic is what torch counts in our forward and backward pass."""

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import flops
from benchmarks.cases import Case, examples
from benchmarks.models import dimensions
from benchmarks.ours import Setting, start
from transferkit.readouts import losses
from transferkit.specs import Placement

CASE = Case("tiny-roberta", mean=24, prompt=20, batch=4, pool=16, constant=True)


def counted(case: Case, placement: Placement, *, training: bool) -> float:
    setting = Setting.of(case)
    batch = examples(case).batch(np.arange(case.batch))
    prompt = start(case, setting.backbone.width)[0].requires_grad_(training)
    # The fused kernels of a CPU are not counted; the plain one is.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.set_grad_enabled(training):
        state = setting.backbone.enter(batch, prompt, placement)
        value = losses(setting.readout.logits(state, batch), batch.gold).mean()
        if training:
            value.backward()
    return counter.get_total_flops() / case.batch


@pytest.mark.parametrize("insert_after", [0, 2, 3])
@pytest.mark.parametrize("training", [False, True])
def test_encoder(insert_after: int, training: bool) -> None:
    placement = Placement(insert_after=insert_after, entry="block")
    expected = flops.encoder(
        dimensions(CASE.model),
        examples(CASE).lengths,
        prompt=CASE.prompt,
        batch=CASE.batch,
        insert_after=insert_after,
        training=training,
    )
    assert counted(CASE, placement, training=training) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("model", ["tiny-gpt2", "tiny-llama"])
@pytest.mark.parametrize("training", [False, True])
def test_causal(model: str, training: bool) -> None:
    case = Case(model, mean=24, prompt=20, batch=4, pool=16, constant=True)
    lengths = examples(case).lengths
    sizes = dimensions(model)
    expected = flops.causal(sizes, lengths, prompt=case.prompt, batch=case.batch, training=training)
    assert counted(case, Placement(), training=training) == pytest.approx(expected, rel=0.01)
