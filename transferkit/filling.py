"""Fill a store with all a study asks for, what can only be named once prompts are there included.

Which averages and mixtures are to be made follows from indicators, which the making half does not know; so this one
step stands above both halves.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from transferkit import run
from transferkit.backbones.loading import Device
from transferkit.progress import Reporter
from transferkit.results import Results
from transferkit.run import Outcome
from transferkit.store import Overwrite, Store
from transferkit.study import STAGES, Stage, Study


class How(TypedDict, total=False):
    """Options of `transferkit.run.fill` without `specs`, explained there."""

    stages: Sequence[Stage]
    overwrite: Overwrite
    device: Device
    cache: Path | None
    reporter: Reporter | None
    micro_batch: int | None
    states_gb: float | None


def fill(asked: Study, store: Store, **how: Unpack[How]) -> Outcome:
    """Make what a study asks for and the store lacks; killed and called again, it goes on where it stopped.

    Options are those of `transferkit.run.fill`, but for `specs`. Averages and mixtures come last, where the study asks
    for some.

    Raises:
        InputError: the study is not right, or an asset is not here; said before any model is loaded.
        StoreError: the store cannot be written.
    """
    outcome = run.fill(asked, store, **how, specs=None)
    if "measure" not in how.get("stages", STAGES) or asked.retrieval is None:
        return outcome
    late: How = {**how, "stages": ("train", "measure")}
    return outcome + run.fill(asked, store, **late, specs=Results(asked, store).choosing.specs())
