"""Shelf. What is kept: arrays in, files out, one folder per artifact.

Each artifact holds what its spec asked for and nothing that depends on when or where it was made; time, host and
versions go to `meta.json`, which the store writes beside it and leaves out of its manifest.
"""

from pathlib import Path

from transferkit.artifacts.activity import Activity
from transferkit.artifacts.files import Cell
from transferkit.artifacts.influence import Influence
from transferkit.artifacts.projector import Projector
from transferkit.artifacts.prompt import Prompt
from transferkit.artifacts.scored import Examples, Score
from transferkit.artifacts.seen import Neurons, Words
from transferkit.errors import StoreError
from transferkit.specs import (
    ActivitySpec,
    ExamplesSpec,
    ImportedPromptSpec,
    ImportedScoreSpec,
    InfluenceSpec,
    MixtureSpec,
    NeuronsSpec,
    ProjectedSpec,
    ProjectorSpec,
    PromptSpec,
    ScoreSpec,
    Spec,
    WordsSpec,
)

__all__ = [
    "Activity",
    "Artifact",
    "Cell",
    "Examples",
    "Influence",
    "Neurons",
    "Projector",
    "Prompt",
    "Score",
    "Words",
    "kind_of",
    "read",
]

Artifact = Prompt | Score | Neurons | Words | Influence | Activity | Examples | Projector
_KINDS: dict[type[Spec], type[Artifact]] = {  # type: ignore[valid-type]
    PromptSpec: Prompt,
    MixtureSpec: Prompt,
    ScoreSpec: Score,
    NeuronsSpec: Neurons,
    WordsSpec: Words,
    InfluenceSpec: Influence,
    ActivitySpec: Activity,
    ExamplesSpec: Examples,
    ImportedPromptSpec: Prompt,
    ImportedScoreSpec: Score,
    ProjectorSpec: Projector,
    ProjectedSpec: Prompt,
}


def kind_of(spec: Spec) -> type[Artifact]:
    """Return the class of artifact a spec asks for."""
    return _KINDS[type(spec)]


def read(spec: Spec, folder: Path) -> Artifact:
    """Read the artifact of a spec from its folder.

    Raises:
        StoreError: a file is missing or is not what its name says.
    """
    try:
        return kind_of(spec).read(folder)
    except (OSError, KeyError, ValueError) as error:
        raise StoreError(
            f"{folder}: cannot be read ({error})", fix=f"remove the folder and run the same command again: {folder}"
        ) from error
