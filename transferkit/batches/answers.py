"""The tokens a text task wants written: the first right answer, as the backbone itself would write it."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from transferkit.batches.texts import Frame, escaped, line_end
from transferkit.errors import InputError


@dataclass(frozen=True)
class Written:
    """What the examples of a text task should be answered with.

    Attributes:
        tokens: the first right answer of each example, with the end token unless it was cut.
        references: all right answers of each example.
        shown: the inputs of each example, as far as they were not cut.
        start: token an encoder-decoder's answer begins with; None where an answer goes on where the text ends.
    """

    tokens: Sequence[Sequence[int]]
    references: Sequence[tuple[str, ...]]
    shown: Sequence[str]
    start: int | None

    @classmethod
    def of(
        cls,
        answers: Sequence[tuple[str, ...]] | None,
        shown: Sequence[tuple[str, ...]],
        frame: Frame,
        start: int | None,
    ) -> "Written":
        """Encode the answers of a split.

        Args:
            answers: the right texts of each example.
            shown: the inputs of each example, as far as they were not cut.
            frame: task, tokenizer and readout.
            start: see above.

        Raises:
            InputError: the examples bring no answers.
        """
        if answers is None or frame.task.answer is None:
            raise InputError(f"task {frame.task.name!r}: its examples have no answers", fix="load them for this task")
        first = escaped([right[0] for right in answers], frame.tokenizer)
        if frame.readout == "causal":
            tokens = continuations(frame.template, first, frame.tokenizer)
        else:
            tokens = _ids(first, frame.tokenizer)
        end = frame.tokenizer.eos_token_id
        closed = [row if end is None else [*row, end] for row in tokens]
        most = frame.task.answer.max_new_tokens
        return cls([row[:most] for row in closed], answers, ["\n".join(texts) for texts in shown], start)


def continuations(template: str, texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Return the token ids of texts that go on where a template ends: behind a space, or on a line of their own.

    They are cut off from words in front of them, since many a tokenizer treats the first word of a text apart.
    """
    end = line_end(template)
    ahead = "a" + template.rstrip().rpartition("}")[2] + end
    behind = [text if end else f" {text}" for text in texts]
    front, *whole = _ids([ahead, *(ahead + text for text in behind)], tokenizer)
    # Where the words in front are themselves cut otherwise, the text is taken alone.
    return [
        row[len(front) :] if row[: len(front)] == front else alone
        for row, alone in zip(whole, _ids(behind, tokenizer), strict=True)
    ]


def _ids(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    return [list(row) for row in tokenizer(list(texts), add_special_tokens=False)["input_ids"]]
