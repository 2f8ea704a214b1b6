"""Which study a user of the command line means, and the same in Python."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

if TYPE_CHECKING:
    from transferkit.study import Study

STORE = Path("runs")


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which study a user means, and the options that hold for every verb that works on it.

    Attributes:
        name: a built-in study or a file, as `transferkit.named.find_study` takes it.
        cache: None for the user's own.
    """

    name: str
    store: Path = STORE
    seeds: int | None = None
    limit: int | None = None
    cache: Path | None = None

    def study(self) -> "Study":
        """Return the study with the options that change what it asks.

        Raises:
            InputError: there is no such study.
        """
        from transferkit import named

        if self.limit is not None:
            typer.echo(
                f"TRIAL: at most {self.limit} examples per task are scored. These numbers are not for a paper.",
                err=True,
            )
        return named.find_study(self.name, seeds=self.seeds, limit=self.limit)

    def command(self, verb: Literal["train", "project", "measure", "analyze"]) -> str:
        """Return the command line of a verb on the same study, with the same options."""
        cache = None if verb == "analyze" else self.cache
        store = None if self.store == STORE else self.store
        options = (("--store", store), ("--seeds", self.seeds), ("--limit", self.limit), ("--cache", cache))
        given = [word for option, value in options if value is not None for word in (option, str(value))]
        return shlex.join(["transferkit", verb, self.name, *given])

    def python(self, use: str) -> str:
        """Return one line of Python that finds the study, names the store and uses them."""
        options = "".join(f", {n}={v}" for n, v in (("seeds", self.seeds), ("limit", self.limit)) if v is not None)
        return (
            f"import transferkit as tk; study = tk.find_study({literal(self.name)}{options}); "
            f"store = tk.Store({literal(self.store)}); {use}"
        )


def literal(value: object) -> str:
    """Return a value as Python has it."""
    return json.dumps(value if isinstance(value, (int, float)) else str(value), ensure_ascii=False)
