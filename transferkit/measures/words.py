"""Which words of the vocabulary the rows of a prompt are near to (Lester et al. 2021, section 7).

Everything is near to something in a large vocabulary, so random directions are looked up as well; and a row that began
as a word may never have left it, so the word it began as is kept beside the word it ended at.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from transferkit.artifacts import Prompt, Words
from transferkit.backbones import Backbone

CONTROL_SEED = 0  # the same random directions for every prompt of a shape


@torch.no_grad()
def nearest_words(backbone: Backbone, prompt: Prompt, *, n_nearest: int) -> Words:
    """Return the words nearest to each row of a prompt, by cosine.

    Args:
        backbone: whose vocabulary is searched.
        prompt: rows [P,d].
        n_nearest: words kept per row.
    """
    n_words = min(len(backbone.tokenizer), backbone.config.vocab_size)  # either may know more than the other
    table = torch.nn.functional.normalize(backbone.words(torch.arange(n_words)).float(), dim=1)
    vectors = torch.from_numpy(prompt.vectors)
    similarity, ids = _nearest(table, vectors, n_nearest)
    began = None if prompt.initial is None else _nearest(table, torch.from_numpy(prompt.initial), 1)[1][:, 0]
    control = torch.randn(vectors.shape, generator=torch.Generator().manual_seed(CONTROL_SEED))
    return Words(
        nearest=[_words(backbone, row) for row in ids],
        similarity=similarity.double().numpy(),
        began=None if began is None else _words(backbone, began),
        control=_nearest(table, control, 1)[0][:, 0].double().numpy(),
    )


def _nearest(
    table: Float[Tensor, "V d"], vectors: Float[Tensor, "P d"], n_nearest: int
) -> tuple[Float[Tensor, "P k"], Int[Tensor, "P k"]]:
    rows = torch.nn.functional.normalize(vectors.to(table.device, torch.float32), dim=1)
    found = (rows @ table.T).topk(n_nearest, dim=1)
    return found.values.cpu(), found.indices.cpu()


def _words(backbone: Backbone, ids: Int[Tensor, "k"]) -> list[str]:
    return [str(token) for token in backbone.tokenizer.convert_ids_to_tokens(ids.tolist())]
