"""Tasks of Su et al. (2022), "On Transferability of Prompt Tuning for NLP", read from the Hugging Face hub.

Label words, the order of inputs and the report split are those of the paper's code for RoBERTa and BERT. Deviation:
there the mask stands in the first prompt position; here it is the first token of the text. The catalogue's `imdb` is
the training half of `imdb_full`.

For T5 the texts are theirs, too, but label words are those above (their T5 answers inference with "contradiction" and
"entailment"), and the two sentences of a paraphrase are named where theirs are parted by a token of T5 alone. Their T5
tasks with written answers are `SU2022_TEXTS`: a group of its own, which masked models cannot answer. The paper counts
them by something like BLEU; here SQuAD's F1 and ROUGE-L do.

Not offered, because no Parquet source on the hub is known to be theirs: laptop, restaurant, movierationales,
ethicsdeontology, ethicsjustice, recastner, multi_news.
"""

from transferkit.tasks.base import HubData, Label, Task
from transferkit.tasks.qa import NQ_OPEN, SQUAD
from transferkit.tasks.summarization import SAMSUM

_GLUE = "nyu-mll/glue"


def _polarity(thing: str) -> tuple[Label, ...]:
    return (
        Label(value="0", word="negative", description=f"a bad, negative {thing}"),
        Label(value="1", word="positive", description=f"a good, positive {thing}"),
    )


_ENTAILMENT = (
    Label(value="2", word="no", description="the two sentences contradict each other"),
    Label(value="1", word="neutral", description="two sentences that say different things"),
    Label(value="0", word="yes", description="the first sentence follows from the second"),
)
_PARAPHRASE = (
    Label(value="0", word="false", description="two sentences with different meanings"),
    Label(value="1", word="true", description="two sentences with the same meaning"),
)

IMDB_FULL = Task(
    name="imdb_full",
    source=HubData(dataset="stanfordnlp/imdb", config="plain_text", report="test"),
    labels=_polarity("movie review"),
    template="{mask} {text}",
    completion_template="{text}",
    group="sentiment",
)
SST2 = Task(
    name="sst2",
    source=HubData(dataset=_GLUE, config="sst2"),
    inputs=("sentence",),
    labels=_polarity("movie review"),
    template="{mask} {sentence}",
    completion_template="{sentence}",
    group="sentiment",
)
TWEETEVALSENTIMENT = Task(
    name="tweetevalsentiment",
    source=HubData(dataset="cardiffnlp/tweet_eval", config="sentiment"),
    labels=(
        Label(value="0", word="negative", description="an angry, negative tweet"),
        Label(value="1", word="moderate", description="a neutral, factual tweet"),
        Label(value="2", word="positive", description="a happy, positive tweet"),
    ),
    template="{mask} {text}",
    completion_template="{text}",
    group="sentiment",
)
MNLI = Task(
    name="mnli",
    source=HubData(dataset=_GLUE, config="mnli", report="validation_matched"),
    inputs=("hypothesis", "premise"),
    labels=_ENTAILMENT,
    template="{mask} {hypothesis} {sep} {premise}",
    completion_template="hypothesis: {hypothesis} premise: {premise}",
    group="inference",
)
SNLI = Task(
    name="snli",
    source=HubData(dataset="stanfordnlp/snli", config="plain_text"),
    inputs=("hypothesis", "premise"),
    labels=_ENTAILMENT,
    template="{mask} {hypothesis} {sep} {premise}",
    completion_template="hypothesis: {hypothesis} premise: {premise}",
    group="inference",
)
QNLI = Task(
    name="qnli",
    source=HubData(dataset=_GLUE, config="qnli"),
    inputs=("question", "sentence"),
    labels=(
        Label(value="1", word="no", description="a question and a sentence that does not answer it"),
        Label(value="0", word="yes", description="a question and a sentence that answers it"),
    ),
    template="{mask} {question} {sep} {sentence}",
    completion_template="question: {question} sentence: {sentence}",
    group="inference",
)
QQP = Task(
    name="qqp",
    source=HubData(dataset=_GLUE, config="qqp"),
    inputs=("question1", "question2"),
    labels=_PARAPHRASE,
    template="{mask} {question1} {sep} {question2}",
    completion_template="sentence1: {question1} sentence2: {question2}",
    group="paraphrase",
)
MRPC = Task(
    name="mrpc",
    source=HubData(dataset=_GLUE, config="mrpc"),
    inputs=("sentence1", "sentence2"),
    labels=_PARAPHRASE,
    template="{mask} {sentence1} {sep} {sentence2}",
    completion_template="sentence1: {sentence1} sentence2: {sentence2}",
    group="paraphrase",
)

SU2022 = (IMDB_FULL, SST2, TWEETEVALSENTIMENT, MNLI, QNLI, SNLI, QQP, MRPC)
SU2022_TEXTS = (SQUAD, NQ_OPEN, SAMSUM)
