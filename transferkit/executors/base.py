"""The contract of every executor."""

from collections.abc import Sequence
from typing import Protocol

from transferkit.groups import Group
from transferkit.progress import Reporter
from transferkit.store import Store


class Executor(Protocol):
    """Works on groups; the store is the only channel.

    What fails with an error meant for readers leaves a note under `failures/` and the rest goes on.
    """

    def run(self, name: str, groups: Sequence[Group], store: Store, reporter: Reporter) -> None:
        """Make every artifact the groups ask for that the store lacks."""
        ...
