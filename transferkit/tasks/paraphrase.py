"""Do two sentences mean the same."""

from transferkit.tasks.base import Label, Sizes, Task
from transferkit.tasks.packaged import packaged

DISFL_PARA = Task(
    name="disfl_para",
    source=packaged("disfl_para"),
    inputs=("sentence1", "sentence2"),
    labels=(
        Label(value="different", word="no", description="two different questions"),
        Label(value="same", word="yes", description="the same question asked twice"),
    ),
    template="{sentence1} {sep} {mask}, {sentence2}",
    completion_template="{sentence1} {sentence2} Is the meaning the same? Yes or no? Answer:",
    group="paraphrase",
)
METAPHOR_PARA = Task(
    name="metaphor_para",
    source=packaged("metaphor_para"),
    inputs=("sentence1", "sentence2"),
    labels=(
        Label(value="not", word="no", description="two sentences with different meanings"),
        Label(value="paraphrase", word="yes", description="two sentences with the same meaning"),
    ),
    template="{sentence1} {sep} {mask}, {sentence2}",
    completion_template="{sentence1} {sentence2} Is the meaning the same? Yes or no? Answer:",
    group="paraphrase",
    sizes=Sizes(selection=100),
)

PARAPHRASE = (DISFL_PARA, METAPHOR_PARA)
