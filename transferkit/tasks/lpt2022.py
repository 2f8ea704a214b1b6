"""Tasks of Liu et al. (2022), "Late Prompt Tuning: A Late Prompt Could Be Better Than Many Prompts", from the hub.

Templates and label words are those of the paper's code, and so is the order of the labels, the last of which takes the
remainder of a proportional draw. In its few-shot setting a study says `sizes = { train = 500, selection = 1000, draw =
"proportional" }` (or 100: all classes together), `split_seed` is 13, 21, 42, 87 or 100, and `seeds` is 42. In its
full-data setting a study says nothing about sizes, and at most 500 training examples are set apart for selection. The
report split is GLUE's development set, elsewhere the test set.

Deviations: the paper counts MRPC and QQP by the mean of accuracy and F1, and MNLI by the mean over both development
sets. On GPT-2 its loss also covers the full stop and the end token, and its code runs neither MPQA, MR, MNLI nor QQP.
TREC's words are one token each in RoBERTa's vocabulary, and not all in BERT's cased one.

The hub could not be reached when this was written, and no id but `nyu-mll/glue` was used before. Cards name the columns
of `jxm/mpqa` and `jxm/mr`. Unverified: that 1 is positive there, that 1 is subjective in `SetFit/subj`, and the column
`label_coarse_original` of `SetFit/TREC-QC`; others read them so.
"""

from transferkit.tasks.base import HubData, Label, Task

_GLUE = "nyu-mll/glue"


def _polarity(thing: str) -> tuple[Label, ...]:
    return (
        Label(value="0", word="terrible", description=f"a bad, negative {thing}"),
        Label(value="1", word="great", description=f"a good, positive {thing}"),
    )


LPT_SST2 = Task(
    name="lpt_sst2",
    source=HubData(dataset=_GLUE, config="sst2"),
    inputs=("sentence",),
    labels=_polarity("movie review"),
    template="{sentence} . It was {mask} .",
    completion_template="{sentence} It was",
    group="sentiment",
)
LPT_MPQA = Task(
    name="lpt_mpqa",
    source=HubData(dataset="jxm/mpqa", report="test"),
    inputs=("sentence",),
    labels=_polarity("opinion in a news story"),
    template="{sentence} . It was {mask} .",
    completion_template="{sentence} It was",
    group="sentiment",
)
LPT_MR = Task(
    name="lpt_mr",
    source=HubData(dataset="jxm/mr", report="test"),
    inputs=("sentence",),
    labels=_polarity("movie review"),
    template="{sentence} . It was {mask} .",
    completion_template="{sentence} It was",
    group="sentiment",
)
LPT_SUBJ = Task(
    name="lpt_subj",
    source=HubData(dataset="SetFit/subj", report="test"),
    labels=(
        Label(value="1", word="subjective", description="a sentence that gives an opinion on a film"),
        Label(value="0", word="objective", description="a sentence that tells what happens in a film"),
    ),
    template="{text} . It was {mask} .",
    completion_template="{text} It was",
    group="subjectivity",
)
LPT_TREC = Task(
    name="lpt_trec",
    source=HubData(dataset="SetFit/TREC-QC", report="test"),
    label="label_coarse_original",
    labels=(
        Label(value="DESC", word="Description", description="a question that asks for a description or a reason"),
        Label(value="ENTY", word="Entity", description="a question that asks what, for a thing"),
        Label(value="ABBR", word="Expression", description="a question that asks what an abbreviation stands for"),
        Label(value="HUM", word="Human", description="a question that asks who, for a person or a group"),
        Label(value="LOC", word="Location", description="a question that asks where, for a place"),
        Label(value="NUM", word="Number", description="a question that asks how many or when, for a number or a date"),
    ),
    template=" {mask} : {text}",  # the space is never shown: it asks for label words as they stand inside a text
    completion_template="{text} It was",
    group="question type",
)
LPT_MNLI = Task(
    name="lpt_mnli",
    source=HubData(dataset=_GLUE, config="mnli", report="validation_matched"),  # the paper: the mean with mismatched
    inputs=("premise", "hypothesis"),
    labels=(
        Label(value="2", word="No", description="the two sentences contradict each other"),
        Label(value="0", word="Yes", description="the second sentence follows from the first"),
        Label(value="1", word="Maybe", description="two sentences that say different things"),
    ),
    template="{premise} ? {mask} , {hypothesis}",
    completion_template="{premise} {hypothesis} They are",
    group="inference",
)
LPT_MRPC = Task(
    name="lpt_mrpc",
    source=HubData(dataset=_GLUE, config="mrpc"),
    inputs=("sentence1", "sentence2"),
    labels=(
        Label(value="0", word="No", description="two sentences with different meanings"),
        Label(value="1", word="Yes", description="two sentences with the same meaning"),
    ),
    template="{sentence1} ? {mask} , {sentence2}",
    completion_template="{sentence1} {sentence2} They are",
    metric="accuracy",  # the paper: the mean of accuracy and F1
    group="paraphrase",
)
LPT_QNLI = Task(
    name="lpt_qnli",
    source=HubData(dataset=_GLUE, config="qnli"),
    inputs=("question", "sentence"),
    labels=(
        Label(value="0", word="Yes", description="a question and a sentence that answers it"),
        Label(value="1", word="No", description="a question and a sentence that does not answer it"),
    ),
    template="{question} ? {mask} , {sentence}",
    completion_template="{question} {sentence} They are",
    group="inference",
)
LPT_RTE = Task(
    name="lpt_rte",
    source=HubData(dataset=_GLUE, config="rte"),
    inputs=("sentence1", "sentence2"),
    labels=(
        Label(value="0", word="Yes", description="the second sentence follows from the first"),
        Label(value="1", word="No", description="the second sentence does not follow from the first"),
    ),
    template="{sentence1} ? {mask} , {sentence2}",
    completion_template="{sentence1} {sentence2} They are",
    group="inference",
)
LPT_QQP = Task(
    name="lpt_qqp",
    source=HubData(dataset=_GLUE, config="qqp"),
    inputs=("question1", "question2"),
    labels=(
        Label(value="0", word="No", description="two different questions"),
        Label(value="1", word="Yes", description="the same question asked twice"),
    ),
    template="{question1} {mask} , {question2}",
    completion_template="{question1} {question2} They are",
    metric="accuracy",  # the paper: the mean of accuracy and F1
    group="paraphrase",
)

LPT2022 = (LPT_SST2, LPT_MPQA, LPT_MR, LPT_SUBJ, LPT_TREC, LPT_MNLI, LPT_MRPC, LPT_QNLI, LPT_RTE, LPT_QQP)
