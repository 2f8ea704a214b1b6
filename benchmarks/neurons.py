"""Reading the neurons a prompt activates in RoBERTa-base: one row in the block against whole tensors kept (B7)."""

import torch
from torch import Tensor, nn

from benchmarks.cases import LONGEST, Case
from benchmarks.harness import Gate, Job, Session, Stopwatch, Turn, Variant
from benchmarks.models import MASK, stock
from benchmarks.ours import Setting, start
from benchmarks.peers.su2022 import N_SPECIAL
from benchmarks.variants import OURS
from transferkit.measures import activated
from transferkit.predictions import Entrant
from transferkit.specs import NeuronSite, Placement

CASE = Case("roberta-base", steps=1)  # one prompt per example of a batch
HOOKS = "hooks that keep whole tensors of padded inputs"
TIME, BYTES = Gate("B7", 2.5, 3), Gate("B7", 200, 5000)


def run(session: Session) -> None:
    """Measure time and what is held per prompt."""
    case = CASE.under(session.settings)
    variants = [Variant(OURS, reading, {"case": case}), Variant(HOOKS, hooked, {"case": case})]
    measured = session.measure(str(case), variants)
    unit = f"prompts per {measured.per}"
    session.compare(str(case), measured.rate(OURS), measured.rate(HOOKS), gate=TIME, unit=unit)
    mine, theirs = (measured.more(name, "kb_held").inverse() for name in (OURS, HOOKS))
    note = "activated or not, a byte each; the store packs them to bits"
    session.compare(str(case), mine, theirs, gate=BYTES, unit="prompts per kB held", note=note)


def reading(case: Case) -> Job:
    """Return a job that times `transferkit.measures.activated`; its unit is a prompt."""
    setting = Setting.of(case)
    entrants = [Entrant(rows, Placement()) for rows in start(case, setting.backbone.width, case.batch)]

    def turn() -> Turn:
        with Stopwatch(case.device) as watch:
            found = activated(setting.backbone, entrants, NeuronSite(), readout="masked")
        held = sum(neurons.active.nbytes for neurons in found)
        return watch.turn(len(found), kb_held=held / len(found) / 1e3)

    return turn


def hooked(case: Case) -> Job:
    """Return a job that keeps every block's neurons of inputs padded to 231 rows, and takes row 0 of them in the end.

    So did the published script, for all examples of a run at once; its unit is a prompt.
    """
    model = stock(case.model, device=case.device)
    prompts = start(case, model.config.hidden_size, case.batch).to(case.device)
    words = model.get_input_embeddings()(torch.tensor([[MASK]], device=case.device))
    padding = torch.zeros(1, N_SPECIAL + LONGEST - 1, words.shape[2], device=case.device)
    text = torch.cat([words, padding], dim=1).expand(len(prompts), -1, -1)
    rows = torch.cat([prompts, text], dim=1)
    mask = torch.ones(rows.shape[:2], dtype=torch.long, device=case.device)
    mask[:, case.prompt + 1 :] = 0
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, out: Tensor) -> None:
        kept.append(out)

    for layer in model.base_model.encoder.layer:
        layer.intermediate.register_forward_hook(keep)

    @torch.no_grad()
    def turn() -> Turn:
        kept.clear()
        with Stopwatch(case.device) as watch:
            model(inputs_embeds=rows, attention_mask=mask)
            everything = torch.stack(kept)
            active = (everything[:, :, 0] > 0).cpu().numpy()
        assert active.shape[1] == len(prompts)
        return watch.turn(len(prompts), kb_held=everything.nbytes / len(prompts) / 1e3)

    return turn
