"""Shelf. Imported artifacts seen as a question: what files hold, what they should hold, what was passed over.

A `Collection` stands where a `Study` stands, so every analysis runs on other people's results unchanged.
"""

import json
from collections.abc import Iterator

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from transferkit.errors import StoreError
from transferkit.specs import (
    ExamplesSpec,
    ImportedPromptSpec,
    ImportedScoreSpec,
    InfluenceSpec,
    NeuronsSpec,
    Spec,
    WordsSpec,
)

PLAIN = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=PLAIN)
class Skipped:
    """A file that was not taken, and why."""

    file: str
    reason: str


@dataclass(frozen=True, kw_only=True, config=PLAIN)
class Collection:
    """What was imported from one place.

    Attributes:
        name: names the report.
        title: what it is, in words.
        imported_prompts: the prompts.
        imported_scores: the scores, those included that should be there and are not.
        skipped: files that were passed over.
        notes: what a reader must know about the files as a whole.
    """

    name: str
    title: str
    imported_prompts: tuple[ImportedPromptSpec, ...] = ()
    imported_scores: tuple[ImportedScoreSpec, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

    def prompts(self) -> tuple[ImportedPromptSpec, ...]:
        """Return the prompts."""
        return self.imported_prompts

    def scores(self) -> tuple[ImportedScoreSpec, ...]:
        """Return the scores."""
        return self.imported_scores

    def neuron_sets(self) -> tuple[NeuronsSpec, ...]:
        """Return nothing: nobody publishes activated neurons."""
        return ()

    def words(self) -> tuple[WordsSpec, ...]:
        """Return nothing: the backbone is not at hand."""
        return ()

    def swept_prompts(self) -> tuple[ImportedPromptSpec, ...]:
        """Return nothing: a collection has no sweep of its own."""
        return ()

    def swept_scores(self) -> tuple[ImportedScoreSpec, ...]:
        """Return nothing, likewise."""
        return ()

    def influences(self) -> tuple[InfluenceSpec, ...]:
        """Return nothing, likewise."""
        return ()

    @property
    def crossings(self) -> tuple[()]:
        """Nothing: prompts that were projected elsewhere came as scores."""
        return ()

    def starts(self) -> tuple[()]:
        """Return nothing: nobody publishes training curves."""
        return ()

    def started_scores(self) -> tuple[ImportedScoreSpec, ...]:
        """Return nothing, likewise."""
        return ()

    @property
    def growing(self) -> None:
        """Return nothing, likewise."""
        return None

    def examples(self) -> tuple[ExamplesSpec, ...]:
        """Return nothing: the examples stayed with those who used them."""
        return ()

    def specs(self) -> Iterator[Spec]:
        """Yield every spec."""
        yield from self.imported_prompts
        yield from self.imported_scores


_COLLECTION: TypeAdapter[Collection] = TypeAdapter(Collection)


def to_json(collection: Collection) -> str:
    """Return a collection as readable JSON."""
    whole = _COLLECTION.dump_python(collection, mode="json")
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def from_json(text: str) -> Collection:
    """Read what `to_json` wrote.

    Raises:
        StoreError: the text is no collection of this version.
    """
    try:
        return _COLLECTION.validate_json(text)
    except ValidationError as error:
        what = str(error).splitlines()[0]
        raise StoreError(f"a file of collections/ cannot be read ({what})", fix="import the files again") from error
