"""Unwanted messages: insulting comments and spam. Both are unbalanced, hence macro F1."""

from transferkit.tasks.base import Label, Task
from transferkit.tasks.packaged import packaged

INSULTS = Task(
    name="insults",
    source=packaged("insults"),
    labels=(
        Label(value="neutral", word="normal", description="a normal, civil comment"),
        Label(value="insult", word="insult", description="an insulting, offensive comment"),
    ),
    template="{text} This is a {mask} comment.",
    metric="macro_f1",
    group="abuse",
)
SMS_SPAM = Task(
    name="sms_spam",
    source=packaged("sms_spam"),
    labels=(
        Label(value="ham", word="personal", description="a personal text message to a friend"),
        Label(value="spam", word="commercial", description="a commercial advertisement with a prize or an offer"),
    ),
    template="{text} This is a {mask} message.",
    metric="macro_f1",
    group="spam",
)

ABUSE = (INSULTS,)
SPAM = (SMS_SPAM,)
