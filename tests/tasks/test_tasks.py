"""Contract over all tasks: names, labels, templates, groups, label words."""

import re

import pytest

from transferkit import catalogue
from transferkit.catalogue import CORPORA, ENTRIES
from transferkit.errors import InputError
from transferkit.tasks import GROUPS, QUICKSTART, SHARED_TEXTS, TASKS, Label, LocalData, Task, expand, find

ALL = list(TASKS.values())
BACKBONES = [name for name, entry in ENTRIES.items() if entry.kind == "backbone"]


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
def test_contract(task):
    assert TASKS[task.name] is task
    for part in ("value", "word", "description"):
        values = [getattr(label, part) for label in task.labels]
        assert len(set(values)) == len(values), part
        assert all(value.strip() == value != "" for value in values)
    assert all(len(label.description.split()) >= 3 for label in task.labels)
    fields = re.findall(r"\{(\w+)\}", task.template)
    assert sorted(fields) == sorted([*task.inputs, "mask", *(["sep"] if len(task.inputs) == 2 else [])])
    assert task.group != "own"
    assert 0 < task.chance <= 0.5
    assert task.sizes.selection is not None


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
        assert {task.source.kind for task in group} == {"hub" if name == "su2022" else "catalogue"}


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
        Task(name="t", source=LocalData(train="x.csv", sha256="0"), labels=labels, template=template)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_label_words_are_one_token(backbone):
    from transformers import AutoTokenizer

    if not catalogue.is_ready(backbone):
        pytest.skip(f"{ENTRIES[backbone].distributions[0].requirement} has not been fetched: skipped")
    tokenizer = AutoTokenizer.from_pretrained(catalogue.folder(backbone))
    words = {label.word for task in ALL for label in task.labels}
    ids = {word: tokenizer(word, add_special_tokens=False)["input_ids"] for word in words}
    assert {word for word, found in ids.items() if len(found) != 1 or found == [tokenizer.unk_token_id]} == set()
