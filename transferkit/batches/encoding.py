"""A split of a task as token ids, cut so that text, template, special tokens, prompt and answer fit the backbone."""

import numpy as np

from transferkit.backbones import Backbone
from transferkit.batches.answers import Written
from transferkit.batches.batch import Encoded
from transferkit.batches.texts import Frame, escaped, special_id
from transferkit.errors import InputError
from transferkit.examples import Examples
from transferkit.sources import ReadoutKind
from transferkit.tasks.base import Task


def encode(examples: Examples, task: Task, backbone: Backbone, readout: ReadoutKind, *, room: int) -> Encoded:
    """Return a split as token ids.

    Args:
        examples: texts, gold labels and answers.
        task: its template and its limit on tokens.
        backbone: its tokenizer and capacity.
        readout: which of the task's templates is shown.
        room: prompt rows to keep free at the embeddings.

    Raises:
        InputError: the backbone has no mask token, or the template alone does not fit.
    """
    tokenizer = backbone.tokenizer
    limit = text_limit(task, backbone, readout, room)
    frame = Frame(task, tokenizer, readout)
    if readout == "masked" and tokenizer.mask_token is None:
        raise InputError(f"{backbone.spec.name} has no mask token", fix='use readout = "embedding"')
    texts = [escaped(columns, tokenizer) for columns in examples.texts]
    ids, types = frame.rows(texts)
    cut = [i for i, row in enumerate(ids) if len(row) > limit]
    for i in cut:
        (rows, type_rows), texts[i] = frame.cut(texts[i], limit)
        ids[i] = rows[0]
        if types is not None and type_rows is not None:
            types[i] = type_rows[0]
    answer = np.zeros(len(ids), dtype=np.int64)
    if readout == "causal":
        answer = np.array([len(row) - 1 for row in ids], dtype=np.int64)
    elif readout == "masked":
        mask_id = special_id(tokenizer.mask_token_id)
        answer = np.array([row.index(mask_id) for row in ids], dtype=np.int64)
    written = None
    if task.answer is not None:
        start = backbone.config.decoder_start_token_id if readout == "seq2seq" else None
        written = Written.of(examples.answers, texts, frame, start)
    return Encoded(ids, types, answer, examples.gold, special_id(tokenizer.pad_token_id), len(cut), written)


def text_limit(task: Task, backbone: Backbone, readout: ReadoutKind, room: int) -> int:
    """Return how many tokens a text may have beside a prompt and, in a causal backbone, the answer written behind it.

    Raises:
        InputError: there is no room for any.
    """
    if backbone.capacity is None:
        return task.max_tokens
    n_written = task.answer.max_new_tokens if task.answer is not None and readout == "causal" else 0
    limit = min(task.max_tokens, backbone.capacity - room - n_written)
    if limit > 0:
        return limit
    holds = f"{backbone.spec.name}, which holds {backbone.capacity} rows"
    if n_written:
        raise InputError(
            f"task {task.name!r}: prompt_length = {room} and max_new_tokens = {n_written} together do not fit {holds}",
            fix="choose smaller ones",
        )
    raise InputError(
        f"prompt_length = {room} does not fit {holds}",
        fix=f"choose a prompt_length well below {backbone.capacity}",
    )
