"""Shelf. What is asked: frozen values that name everything expensive, and the key each one hashes to."""

import json
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from transferkit.specs.asked import (
    ActivitySpec,
    ExamplesSpec,
    InfluenceSpec,
    MixtureSpec,
    NeuronSite,
    NeuronsSpec,
    PromptSpec,
    ScoreSpec,
    WordsSpec,
)
from transferkit.specs.backbone import (
    BackboneSpec,
    CausalReadout,
    EmbeddingReadout,
    MaskedReadout,
    ReadoutSpec,
    Seq2seqReadout,
)
from transferkit.specs.growing import activity_of, on_part, stages_of
from transferkit.specs.imported import (
    ImportedPromptSpec,
    ImportedScoreSpec,
    ImportedSource,
    ImportedTask,
    Origin,
    UnseenPrompt,
)
from transferkit.specs.keys import KEY_DIGITS, RECIPE_VERSION, canonical, key
from transferkit.specs.partial import Growth, Partial
from transferkit.specs.projector import (
    ConstantMap,
    Lesson,
    LinearMap,
    Method,
    NearestMap,
    NormsMap,
    ProjectedSpec,
    ProjectorSpec,
    PromptNet,
    RelativeMap,
    RotationMap,
    Tuned,
    WordsNet,
)
from transferkit.specs.recipe import (
    Generator,
    Initial,
    LabelWordsInitial,
    NormalInitial,
    Placement,
    ProjectedInitial,
    PromptInitial,
    Recipe,
    TextInitial,
    UniformInitial,
    VocabularyInitial,
)
from transferkit.specs.source import (
    Majority,
    MixedPrompt,
    NoPrompt,
    Part,
    ProjectedPrompt,
    PromptSource,
    RandomPrompt,
    TrainedPrompt,
)

__all__ = [
    "KEY_DIGITS",
    "RECIPE_VERSION",
    "ActivitySpec",
    "AnyPromptSpec",
    "AnyScoreSpec",
    "BackboneSpec",
    "CausalReadout",
    "ConstantMap",
    "EmbeddingReadout",
    "ExamplesSpec",
    "Generator",
    "Growth",
    "ImportedPromptSpec",
    "ImportedScoreSpec",
    "ImportedSource",
    "ImportedTask",
    "InfluenceSpec",
    "Initial",
    "LabelWordsInitial",
    "Lesson",
    "LinearMap",
    "Majority",
    "MaskedReadout",
    "Method",
    "MixedPrompt",
    "MixtureSpec",
    "NearestMap",
    "NeuronSite",
    "NeuronsSpec",
    "NoPrompt",
    "NormalInitial",
    "NormsMap",
    "Origin",
    "Part",
    "Partial",
    "Placement",
    "ProjectedInitial",
    "ProjectedPrompt",
    "ProjectedSpec",
    "ProjectorSpec",
    "PromptInitial",
    "PromptNet",
    "PromptSource",
    "PromptSpec",
    "RandomPrompt",
    "ReadoutSpec",
    "Recipe",
    "RelativeMap",
    "RotationMap",
    "ScoreSpec",
    "Seq2seqReadout",
    "Spec",
    "TextInitial",
    "TrainedPrompt",
    "Tuned",
    "UniformInitial",
    "UnseenPrompt",
    "VocabularyInitial",
    "WordsNet",
    "WordsSpec",
    "activity_of",
    "canonical",
    "from_json",
    "key",
    "on_part",
    "stages_of",
    "to_json",
]

AnyPromptSpec = PromptSpec | ImportedPromptSpec
AnyScoreSpec = ScoreSpec | ImportedScoreSpec
Spec = Annotated[
    PromptSpec
    | MixtureSpec
    | ScoreSpec
    | NeuronsSpec
    | WordsSpec
    | InfluenceSpec
    | ExamplesSpec
    | ActivitySpec
    | ImportedPromptSpec
    | ImportedScoreSpec
    | ProjectorSpec
    | ProjectedSpec,
    Field(discriminator="kind"),
]
_SPEC: TypeAdapter[Any] = TypeAdapter(Spec)


def to_json(spec: Spec) -> str:
    """Return the whole spec, defaults written out, as readable JSON."""
    return json.dumps(_SPEC.dump_python(spec, mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def from_json(text: str) -> Spec:
    """Read what `to_json` wrote.

    Raises:
        pydantic.ValidationError: the text is no spec of this version.
    """
    return _SPEC.validate_json(text)
