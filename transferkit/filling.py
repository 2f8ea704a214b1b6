"""Fill a store with all a study asks for, what can only be named once prompts are there included.

Which averages of prompts are to be scored follows from indicators, which the making half does not know; so this one
step stands above both halves.
"""

from collections.abc import Sequence
from pathlib import Path

from transferkit import run
from transferkit.backbones.loading import Device
from transferkit.progress import Reporter
from transferkit.results import Results
from transferkit.run import Outcome
from transferkit.specs import Spec
from transferkit.store import Overwrite, Store
from transferkit.study import STAGES, Stage, Study


def fill(
    asked: Study,
    store: Store,
    *,
    stages: Sequence[Stage] = STAGES,
    overwrite: Overwrite = "only-missing",
    device: Device = "auto",
    cache: Path | None = None,
    reporter: Reporter | None = None,
    micro_batch: int | None = None,
    states_gb: float | None = None,
) -> Outcome:
    """Make what a study asks for and the store lacks; killed and called again, it goes on where it stopped.

    Arguments are those of `transferkit.run.fill`. Averages are scored last, where the study asks for some.

    Raises:
        InputError: the study is not right, or an asset is not here; said before any model is loaded.
        StoreError: the store cannot be written.
    """

    def make(specs: Sequence[Spec] | None) -> Outcome:
        return run.fill(
            asked,
            store,
            stages=stages,
            overwrite=overwrite,
            device=device,
            cache=cache,
            reporter=reporter,
            micro_batch=micro_batch,
            states_gb=states_gb,
            specs=specs,
        )

    outcome = make(None)
    if "measure" not in stages or asked.retrieval is None:
        return outcome
    return outcome + make([average.score for average in Results(asked, store).choosing.averages()])
