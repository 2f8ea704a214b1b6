"""Sentiment of reviews (whole ones, snippets, translated sentences) and of tweets.

Films appear twice: `imdb` holds whole reviews, `rotten_tomatoes` snippets that share no text with them. The two
multiemo sets are machine translations and need the largest archive.
"""

from transferkit.tasks.base import Label, Task
from transferkit.tasks.packaged import packaged

_REVIEW = "{text} It was {mask}."
_TWEET = "{text} The mood is {mask}."


def _opinion(negative: str, positive: str) -> tuple[Label, ...]:
    return (
        Label(value="negative", word="terrible", description=negative),
        Label(value="positive", word="great", description=positive),
    )


def _polarity(thing: str) -> tuple[Label, ...]:
    return _opinion(f"a bad, negative {thing}", f"a good, positive {thing}")


def _mood(negative: str, neutral: str, positive: str) -> tuple[Label, ...]:
    return (
        Label(value="negative", word="negative", description=negative),
        Label(value="neutral", word="neutral", description=neutral),
        Label(value="positive", word="positive", description=positive),
    )


# The descriptions of the next three are the best of several on selection splits (benchmarks/results).
ROTTEN_TOMATOES = Task(
    name="rotten_tomatoes",
    source=packaged("rotten_tomatoes"),
    labels=_opinion("a film critic dislikes the movie, it fails", "a film critic loves the movie, it succeeds"),
    template=_REVIEW,
    group="review sentiment",
)
VADER_AMAZON = Task(
    name="vader_amazon",
    source=packaged("vader_amazon"),
    labels=_opinion("this product is bad and does not work", "this product is great and works well"),
    template=_REVIEW,
    group="review sentiment",
)
IMDB = Task(
    name="imdb",
    source=packaged("imdb"),
    labels=_polarity("movie review"),
    template=_REVIEW,
    group="review sentiment",
    max_tokens=256,
)
MULTIEMO_PRODUCTS = Task(
    name="multiemo_products",
    source=packaged("multiemo_products"),
    labels=_polarity("product review"),
    template=_REVIEW,
    group="review sentiment",
)
MULTIEMO_HOTELS = Task(
    name="multiemo_hotels",
    source=packaged("multiemo_hotels"),
    labels=_polarity("hotel review"),
    template=_REVIEW,
    group="review sentiment",
)
TWEETS_AIRLINE = Task(
    name="tweets_airline",
    source=packaged("tweets_airline"),
    labels=_mood(
        "a complaint about bad service", "a question or a neutral statement", "thanks and praise for great service"
    ),
    template=_TWEET,
    group="tweet sentiment",
)
TWEETS_DEFLATEGATE = Task(
    name="tweets_deflategate",
    source=packaged("tweets_deflategate"),
    labels=_mood(
        "an angry, negative tweet about a football team",
        "a neutral, factual tweet about a football team",
        "a happy, positive tweet about a football team",
    ),
    template=_TWEET,
    group="tweet sentiment",
)

REVIEW_SENTIMENT = (ROTTEN_TOMATOES, VADER_AMAZON, IMDB, MULTIEMO_PRODUCTS, MULTIEMO_HOTELS)
TWEET_SENTIMENT = (TWEETS_AIRLINE, TWEETS_DEFLATEGATE)
