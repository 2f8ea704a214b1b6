"""Contract over all tasks: names, labels, templates, groups, label words."""

import json
import math
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from transferkit import catalogue
from transferkit.catalogue import CORPORA, ENTRIES
from transferkit.errors import InputError
from transferkit.readouts import label_word_ids
from transferkit.specs import BackboneSpec, ExamplesSpec, MaskedReadout, PromptSpec, Recipe, Seq2seqReadout, key
from transferkit.tasks import (
    GROUPS,
    LPT2022,
    QUICKSTART,
    SHARED_TEXTS,
    TASKS,
    Answer,
    Label,
    LocalData,
    Sizes,
    Task,
    expand,
    find,
)

ALL = list(TASKS.values())
CLASSES, TEXTS = ([task for task in ALL if (task.answer is None) == has_classes] for has_classes in (True, False))
ON_THE_HUB = {"lpt2022", "su2022", "su2022-texts", "summarization"}
GOLDEN = Path(__file__).parents[1] / "golden" / "task_keys.json"
PLACE = LocalData(train="x.csv", sha256="0")
BACKBONES = [name for name, entry in ENTRIES.items() if entry.kind == "backbone"]


@pytest.mark.parametrize("task", CLASSES, ids=lambda task: task.name)
def test_contract(task):
    assert TASKS[task.name] is task
    for part in ("value", "word", "description"):
        values = [getattr(label, part) for label in task.labels]
        assert len(set(values)) == len(values), part
        assert all(value.strip() == value != "" for value in values)
    assert all(len(label.description.split()) >= 3 for label in task.labels)
    fields = re.findall(r"\{(\w+)\}", task.template)
    has_sep = len(task.inputs) == 2 and task not in LPT2022  # the paper shows its pairs as one running text
    assert sorted(fields) == sorted([*task.inputs, "mask", *(["sep"] if has_sep else [])])
    assert task.group != "own"
    assert 0 < task.chance <= 0.5
    assert task.sizes.selection is not None
    for readout in ("seq2seq", "causal"):
        shown = task.shown(readout)
        assert sorted(re.findall(r"\{(\w+)\}", shown)) == sorted(task.inputs)
        assert shown.strip() == shown


@pytest.mark.parametrize("task", TEXTS, ids=lambda task: task.name)
def test_contract_of_texts(task):
    assert TASKS[task.name] is task
    assert task.labels == ()
    assert math.isnan(task.chance)
    assert task.n_classes is None
    assert (task.metric in ("exact_match", "f1")) == (task.group == "qa")
    assert task.answer.column not in task.inputs
    assert sorted(re.findall(r"\{(\w+)\}", task.shown("causal"))) == sorted(task.inputs)
    for readout in ("masked", "embedding"):
        with pytest.raises(InputError, match=rf"which the {readout} readout cannot write"):
            task.shown(readout)


def test_built_in_tasks_keep_the_keys_on_everybodys_disk(regen):
    """Also where a template for other readouts was added."""
    backbone, recipe = BackboneSpec(name="org/tiny", revision="0123"), Recipe()
    found = {}
    for task in ALL:
        readout = MaskedReadout() if task.answer is None else Seq2seqReadout()
        prompt = PromptSpec(backbone=backbone, readout=readout, task=task, seed=0, recipe=recipe)
        found[task.name] = [key(ExamplesSpec(task=task)), key(prompt)]
    if regen:
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(GOLDEN.read_text())


def test_names_differ_also_without_regard_to_case():
    assert len({name.lower() for name in TASKS}) == len(TASKS)


def test_catalogue_tasks_pin_their_package():
    named = {task.source.corpus: task.source for task in ALL if task.source.kind == "catalogue"}
    assert named.keys() == CORPORA.keys()
    for corpus, source in named.items():
        assert source.sha256 == ENTRIES[CORPORA[corpus].archive].distributions[0].sha256


def test_hub_tasks_have_namespaced_ids():
    assert all("/" in task.source.dataset for task in ALL if task.source.kind == "hub")


def test_quickstart_is_three_groups_of_two():
    assert [task.group for task in QUICKSTART] == ["review sentiment"] * 2 + ["tweet sentiment"] * 2 + ["topic"] * 2
    for shared in SHARED_TEXTS:
        assert len(shared & {task.name for task in QUICKSTART}) <= 1


def test_shared_texts_name_tasks():
    assert all(shared <= TASKS.keys() for shared in SHARED_TEXTS)


def test_every_task_is_in_a_group_and_groups_are_of_one_kind():
    assert {task.name for group in GROUPS.values() for task in group} == TASKS.keys()
    for name, group in GROUPS.items():
        assert {task.source.kind for task in group} == {"hub" if name in ON_THE_HUB else "catalogue"}


def test_find_suggests_the_nearest():
    assert find("bbc_news").name == "bbc_news"
    with pytest.raises(InputError, match="bbc_news"):
        find("bbc_new")


def test_expand_keeps_order_and_drops_repeats():
    names = [task.name for task in expand(["reuters_r8", "@topic", "imdb", "reuters_r8"])]
    assert names == ["reuters_r8", "bbc_news", "imdb"]


def test_expand_refuses_an_unknown_group():
    with pytest.raises(InputError, match="sentiment"):
        expand(["@sentimental"])


@pytest.mark.parametrize("template", ["{mask}", "{text}", "{text} {mask} {mask}"])
def test_a_template_shows_input_and_one_mask(template):
    labels = (Label(value="a", word="a", description="a"), Label(value="b", word="b", description="b"))
    with pytest.raises(InputError):
        Task(name="t", source=PLACE, labels=labels, template=template)


# --- the tasks of Liu et al. (2022) ----------------------------------------------------------------------------------
GREAT, PAIRED = {"0": "terrible", "1": "great"}, "{} ? {mask} , {}"
GLUE = "nyu-mll/glue"
PAPER = {  # hub id, configuration, report split, template, label words by what the label column holds
    "lpt_sst2": (GLUE, "sst2", "validation", "{} . It was {mask} .", GREAT),
    "lpt_mpqa": ("jxm/mpqa", None, "test", "{} . It was {mask} .", GREAT),
    "lpt_mr": ("jxm/mr", None, "test", "{} . It was {mask} .", GREAT),
    "lpt_subj": ("SetFit/subj", None, "test", "{} . It was {mask} .", {"1": "subjective", "0": "objective"}),
    "lpt_trec": (
        "SetFit/TREC-QC",
        None,
        "test",
        "{mask} : {}",
        dict(DESC="Description", ENTY="Entity", ABBR="Expression", HUM="Human", LOC="Location", NUM="Number"),
    ),
    "lpt_mnli": (GLUE, "mnli", "validation_matched", PAIRED, {"2": "No", "0": "Yes", "1": "Maybe"}),
    "lpt_mrpc": (GLUE, "mrpc", "validation", PAIRED, {"0": "No", "1": "Yes"}),
    "lpt_qnli": (GLUE, "qnli", "validation", PAIRED, {"0": "Yes", "1": "No"}),
    "lpt_rte": (GLUE, "rte", "validation", PAIRED, {"0": "Yes", "1": "No"}),
    "lpt_qqp": (GLUE, "qqp", "validation", "{} {mask} , {}", {"0": "No", "1": "Yes"}),
}


def test_lpt2022_shows_what_the_paper_shows():
    assert [task.name for task in expand(["@lpt2022"])] == list(PAPER)
    for task in LPT2022:
        dataset, config, report, template, words = PAPER[task.name]
        source = task.source
        assert (source.dataset, source.config, source.train, source.report) == (dataset, config, "train", report)
        columns = [f"{{{column}}}" for column in task.inputs]
        assert task.shown("masked").strip() == template.format(*columns, mask="{mask}")
        assert [(label.value, label.word) for label in task.labels] == list(words.items())
        ending = "It was" if len(columns) == 1 else "They are"
        assert task.shown("causal") == " ".join([*columns, ending])


def test_lpt2022_reads_every_label_word_behind_a_space():
    """As the paper's code does, also where the mask comes first."""
    assert all(task.template.partition("{mask}")[0].endswith(" ") for task in LPT2022)


# --- sizes -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("draw", ["proportional", "per_class"])
@pytest.mark.parametrize("field", ["train", "selection"])
def test_a_draw_needs_a_number(draw, field):
    with pytest.raises(InputError) as failure:
        Sizes(**{"train": 8, "selection": 8, "draw": draw, field: None})
    assert failure.value.problem == f"sizes: draw = '{draw}' needs a number, and {field} has none"
    assert failure.value.fix == f"give sizes.{field}, or leave draw out"
    assert Sizes(**{"train": 8, "selection": 8, field: None}).draw == "random"


def test_an_unknown_draw_is_refused():
    with pytest.raises(ValidationError, match="per_class"):
        Sizes(train=8, draw="per-class")


@pytest.mark.parametrize("draw", ["proportional", "per_class"])
def test_texts_are_not_drawn_by_class(draw):
    with pytest.raises(InputError) as failure:
        written(sizes=Sizes(train=8, draw=draw))
    assert failure.value.problem == f"task 't': sizes.draw = '{draw}' counts classes, and the answers are texts"
    assert 'draw = "random"' in failure.value.fix
    assert written(sizes=Sizes(train=8)).sizes.draw == "random"


# --- what is shown to backbones that write ---------------------------------------------------------------------------
def of_two(**fields):
    labels = (Label(value="a", word="a", description="a"), Label(value="b", word="b", description="b"))
    return Task(**{"name": "t", "source": PLACE, "labels": labels} | fields)


def written(**fields):
    return Task(**{"name": "t", "source": PLACE, "answer": Answer(), "metric": "f1"} | fields)


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{text} It was {mask}.", "{text} It was"),
        ("{text} This is a {mask} comment.", "{text} This is a"),
        ("{text}{mask}", "{text}"),
        ("{text} {sep} All in all {mask} {sep}", None),
        ("{text} {sep} All in all {mask}", "{text} All in all"),
        ("{text}{sep}{mask}", "{text}"),
        ("{text} or {mask} {sep} so", "{text} or"),
    ],
)
def test_what_stands_before_the_mask_is_completed(template, shown):
    if shown is None:
        with pytest.raises(InputError, match="more than one"):
            of_two(template=template)
        return
    for readout in ("seq2seq", "causal"):
        assert of_two(template=template).shown(readout) == shown
    assert of_two(template=template, completion_template="So: {text}").shown("causal") == "So: {text}"
    assert of_two(template=template).shown("masked") == template


@pytest.mark.parametrize("template", ["{mask} {text}", "{mask} {sep} {text}"])
def test_a_text_behind_the_mask_needs_a_completion_template(template):
    task = of_two(template=template)
    with pytest.raises(InputError, match="a text follows the mask") as failure:
        task.shown("causal")
    assert "completion_template" in failure.value.fix
    assert task.shown("embedding") == "{text}"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("So", "does not show the column 'text'"),
        ("{text} {mask}", "names {mask}"),
        ("{text} {sep} so", "names {sep}"),
        ("{text} {other}", "names {other}"),
    ],
)
def test_a_completion_template_is_checked(template, problem):
    for make in (of_two, written):
        with pytest.raises(InputError, match=re.escape(problem)) as failure:
            make(completion_template=template)
        assert "completion_template" in failure.value.problem


def test_texts_are_shown_one_input_a_line():
    assert written(inputs=("question", "context")).shown("seq2seq") == "{question}\n{context}"
    assert written().shown("causal") == "{text}"


@pytest.mark.parametrize(
    ("make", "fields", "problem", "fix"),
    [
        (of_two, {"labels": ()}, "labels [] are too few", "answer = …"),
        (of_two, {"labels": (Label(value="a", word="a", description="a"),)}, "labels ['a'] are too few", "two classes"),
        (of_two, {"metric": "rougeL"}, "metric = 'rougeL' counts texts", '"macro_f1"'),
        (of_two, {"answer": Answer(), "metric": "f1"}, "labels and answer are both given", "drop labels"),
        (written, {"metric": "accuracy"}, "metric = 'accuracy' counts classes", '"rougeL"'),
        (written, {"template": "{text} {mask}"}, "template does not show a task", "completion_template"),
        (written, {"embedding_template": "{text}"}, "embedding_template does not show a task", "completion_template"),
    ],
)
def test_classes_and_texts_are_not_mixed(make, fields, problem, fix):
    with pytest.raises(InputError) as failure:
        make(**fields)
    assert problem in failure.value.problem
    assert fix in failure.value.fix


@pytest.mark.parametrize("fields", [{"max_new_tokens": 0}, {"beams": 0}, {"kind": "long"}, {"colum": "a"}])
def test_answers_are_strict(fields):
    with pytest.raises(ValidationError):
        Answer(**fields)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_label_words_are_one_token(backbone):
    from transformers import AutoTokenizer

    if not catalogue.is_ready(backbone):
        pytest.skip(f"{ENTRIES[backbone].distributions[0].requirement} has not been fetched: skipped")
    tokenizer = AutoTokenizer.from_pretrained(catalogue.folder(backbone))
    kind = ENTRIES[backbone].readout
    if kind in ("seq2seq", "causal"):  # behind real words, and the first token of each will do
        assert all(label_word_ids(task, tokenizer, kind) for task in ALL if task.labels)
        return
    # The paper's words for TREC are whole in RoBERTa's vocabulary; smaller ones refuse them by name.
    words = {label.word for task in ALL for label in task.labels if task.name != "lpt_trec"}
    ids = {word: tokenizer(word, add_special_tokens=False)["input_ids"] for word in words}
    assert {word for word, found in ids.items() if len(found) != 1 or found == [tokenizer.unk_token_id]} == set()
