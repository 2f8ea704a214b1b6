"""Work in this process, one group after the other."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from transferkit.errors import InputError, RunError
from transferkit.executors.base import Executor
from transferkit.groups import Group
from transferkit.progress import Reporter
from transferkit.store import Store
from transferkit.work import Workshop

LOG = logging.getLogger("transferkit")


@dataclass(frozen=True)
class Inline(Executor):
    """Makes groups in this process, keeping the last backbone loaded between them."""

    workshop: Workshop = field(repr=False)

    def run(self, name: str, groups: Sequence[Group], store: Store, reporter: Reporter) -> None:
        """Make every group; a failed one is noted and the rest goes on.

        Raises:
            StoreError: the store cannot be written, which no other group would survive either.
        """
        if not groups:
            return
        with reporter.phase(name, sum(group.units for group in groups)) as advance:
            for group in groups:
                try:
                    self.workshop.make(group, advance)
                except (InputError, RunError, torch.OutOfMemoryError) as error:
                    for spec in group.specs:
                        if self.workshop.overwrite == "always" or not store.has(spec):
                            store.fail(spec, str(error))
                    LOG.error("%s", error)
