"""What kind of sentence it is: fact or opinion, what a question asks for, acceptable English or not.

Frozen small backbones hardly beat the majority on `agreement_gulordava`.
"""

from transferkit.tasks.base import Label, Sizes, Task
from transferkit.tasks.packaged import packaged

_ACCEPTABILITY = (
    Label(value="unacceptable", word="wrong", description="an ungrammatical, wrong sentence"),
    Label(value="acceptable", word="correct", description="a grammatical, correct sentence"),
)

SUBJECTIVITY_RT = Task(
    name="subjectivity_rt",
    source=packaged("subjectivity_rt"),
    labels=(
        Label(value="objective", word="fact", description="a sentence that tells what happens in a film"),
        Label(value="subjective", word="opinion", description="a sentence that gives an opinion on a film"),
    ),
    template="{text} This is a {mask}.",
    group="subjectivity",
)
QUESTION_TYPE = Task(
    name="question_type",
    source=packaged("question_type"),
    labels=(
        Label(value="date", word="date", description="a question that asks when, for a date or year"),
        Label(value="entity", word="entity", description="a question that asks what, for a thing or organisation"),
        Label(value="event", word="event", description="a question that asks which event happened"),
        Label(value="human", word="person", description="a question that asks who, for a person"),
        Label(value="location", word="place", description="a question that asks where, for a place"),
        Label(value="quantity", word="number", description="a question that asks how many or how much, for a number"),
    ),
    template="{text} The answer is a {mask}.",
    group="question type",
    sizes=Sizes(selection=400),
)
AGREEMENT_GULORDAVA = Task(
    name="agreement_gulordava",
    source=packaged("agreement_gulordava"),
    labels=_ACCEPTABILITY,
    template="{text} This is {mask}.",
    group="acceptability",
)
ADJECTIVE_ORDER = Task(
    name="adjective_order",
    source=packaged("adjective_order"),
    labels=_ACCEPTABILITY,
    template="{text} This is {mask}.",
    group="acceptability",
)

SUBJECTIVITY = (SUBJECTIVITY_RT,)
QUESTION_TYPES = (QUESTION_TYPE,)
ACCEPTABILITY = (AGREEMENT_GULORDAVA, ADJECTIVE_ORDER)
