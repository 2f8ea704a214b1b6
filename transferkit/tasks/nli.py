"""Does one text follow from another, does one sentence answer another: pairs, hard for small frozen backbones."""

from transferkit.tasks.base import Label, Sizes, Task
from transferkit.tasks.packaged import packaged

_PAIR = ("sentence1", "sentence2")
_YES_NO = "{sentence1} {sep} {mask}, {sentence2}"
_ANSWER = "{sentence1} Question: {sentence2} Yes or no? Answer:"
_ANSWER_OF_THREE = "{sentence1} Question: {sentence2} Yes, maybe or no? Answer:"

VITAMINC = Task(
    name="vitaminc",
    source=packaged("vitaminc"),
    inputs=_PAIR,
    labels=(
        Label(value="entailment", word="yes", description="the evidence shows that the claim is true"),
        Label(value="neutral", word="maybe", description="the evidence does not say whether the claim is true"),
        Label(value="contradiction", word="no", description="the evidence shows that the claim is false"),
    ),
    template=_YES_NO,
    completion_template=_ANSWER_OF_THREE,
    group="inference",
)
EPISTEMIC_NLI = Task(
    name="epistemic_nli",
    source=packaged("epistemic_nli"),
    inputs=_PAIR,
    labels=(
        Label(value="entailment", word="yes", description="the second sentence follows from the first"),
        Label(value="non-entailment", word="no", description="the second sentence does not follow from the first"),
    ),
    template=_YES_NO,
    completion_template=_ANSWER,
    group="inference",
    sizes=Sizes(selection=300),
)


def _qnli(name: str) -> Task:
    return Task(
        name=name,
        source=packaged(name),
        inputs=_PAIR,
        labels=(
            Label(value="answers", word="yes", description="a question and a sentence that answers it"),
            Label(value="not", word="no", description="a question and a sentence that does not answer it"),
        ),
        template=_YES_NO,
        completion_template="Question: {sentence1} Text: {sentence2} Is the question answered? Yes or no? Answer:",
        group="question answering",
    )


QNLI_WIKI = _qnli("qnli_wiki")
QNLI_NEWWIKI = _qnli("qnli_newwiki")
QNLI_NYT = _qnli("qnli_nyt")

NLI = (VITAMINC, EPISTEMIC_NLI)
QA_NLI = (QNLI_WIKI, QNLI_NEWWIKI, QNLI_NYT)
