"""What a news story is about."""

from transferkit.tasks.base import Label, Task
from transferkit.tasks.packaged import packaged

BBC_NEWS = Task(
    name="bbc_news",
    source=packaged("bbc_news"),
    labels=(
        Label(value="business", word="business", description="business news about companies and the economy"),
        Label(
            value="entertainment", word="entertainment", description="entertainment news about film, music and stars"
        ),
        Label(value="politics", word="politics", description="news about politics, government and elections"),
        Label(value="sports", word="sports", description="sports news about matches, players and teams"),
        Label(value="tech", word="technology", description="technology news about computers, phones and the internet"),
    ),
    template="{mask} news: {text}",
    completion_template="{text} This is news about",
    group="topic",
)
REUTERS_R8 = Task(
    name="reuters_r8",
    source=packaged("reuters_r8"),
    labels=(
        Label(value="acq", word="acquisition", description="a company buys shares of or takes over another company"),
        Label(value="crude", word="oil", description="news about crude oil, its price and its production"),
        Label(value="earn", word="earnings", description="a company reports its earnings, profit, loss or dividend"),
        Label(value="grain", word="grain", description="news about grain, wheat and corn harvests and exports"),
        Label(value="interest", word="interest", description="a bank changes its interest rates"),
        Label(value="money-fx", word="currency", description="news about currencies, exchange rates and money markets"),
        Label(value="ship", word="shipping", description="news about ships, ports and shipping"),
        Label(value="trade", word="trade", description="news about trade between countries, tariffs and deficits"),
    ),
    template="{mask} news: {text}",
    completion_template="{text} This is news about",
    group="topic",
)

TOPIC = (BBC_NEWS, REUTERS_R8)
