"""Training while the backbone grows against plain training in the same engine, and what a growth itself costs (B10)."""

import itertools
from collections.abc import Sequence

from benchmarks import ours
from benchmarks.cases import Case, examples
from benchmarks.growth_jobs import gathering, growing
from benchmarks.harness import Gate, Measured, Series, Session, Variant
from benchmarks.models import CONFIGS
from transferkit import flops
from transferkit.backbones.partial import kept_blocks, kept_neurons
from transferkit.specs import Growth, Partial

CASES = (Case("roberta-base", mean=30, prompt=20, steps=3), Case("t5-base", mean=30, prompt=20, steps=3))
QUARTERS = (0.25, 0.5, 0.75)
SCHEDULES = tuple(  # neurons at random: which they are does not matter here, that they stand apart does
    Growth(**sizes, neurons="random")
    for sizes in ({"depth": QUARTERS}, {"width": QUARTERS}, {"depth": QUARTERS, "width": QUARTERS})
)
PLAIN = "transferkit, the whole backbone"
VIEWS, COPIES = "transferkit, views of one sorted copy", "blocks copied and neurons gathered at each growth"
SAVED = Gate("B10", 1.33, 1.45)  # of both: 25 % of the time of the steps


def run(session: Session) -> None:
    """Measure the steps of every stage, and put schedules together from them."""
    for case in (one.under(session.settings) for one in CASES):
        parts = dict.fromkeys(itertools.chain(*(schedule.partials() for schedule in SCHEDULES)))
        variants = [Variant(PLAIN, ours.training, {"case": case})]
        variants += [Variant(_on(part), ours.training, {"case": case, "partial": part}) for part in parts]
        measured = session.measure(str(case), variants, resident=False)
        for schedule in SCHEDULES:
            rate, plain = _of_schedule(measured, schedule), measured.rate(PLAIN)
            note = f"by 20, 20, 20 and 40 % of the steps; arithmetic promises {1 / _share(case, schedule):.3g}"
            gate = SAVED if schedule.depth and schedule.width else Gate()
            session.compare(str(case), rate, plain, gate=gate, unit=f"examples per {measured.per}", note=note)
        _add_growths(session, case)


def _add_growths(session: Session, case: Case) -> None:
    """Add how long it takes to have all stages of a schedule, and how much memory they take beside the backbone."""
    shape = f"{case.model}, three growths in depth and width"
    jobs = ((VIEWS, growing), (COPIES, gathering))
    measured = session.measure(
        shape, [Variant(name, job, {"case": case, "schedule": SCHEDULES[-1]}) for name, job in jobs], resident=False
    )
    session.compare(shape, measured.rate(VIEWS), measured.rate(COPIES), unit=f"schedules per {measured.per}")
    mine, theirs = (measured.more(name, "mb") for name in (VIEWS, COPIES))
    session.compare(shape, mine, theirs, gate=Gate(at_most=True), unit="MB of weights beside the backbone's own")


def _on(part: Partial) -> str:
    return f"transferkit, {part.name}"


def _of_schedule(measured: Measured, schedule: Growth) -> Series:
    """Return examples per second over all steps of a schedule, round by round."""
    stages = [measured.rate(_on(part)) for part in schedule.partials()]
    parts = [*zip(schedule.shares, stages, strict=True), (1 - sum(schedule.shares), measured.rate(PLAIN))]
    missing = next((rate.missing for _, rate in parts if rate.missing), "")
    rounds = zip(*(rate.values for _, rate in parts), strict=False)
    return Series(
        f"transferkit, growing in {schedule.name}", tuple(_together(parts, values) for values in rounds), missing
    )


def _together(parts: Sequence[tuple[float, Series]], rates: Sequence[float]) -> float:
    return 1 / sum(share / rate for (share, _), rate in zip(parts, rates, strict=True))


def _share(case: Case, schedule: Growth) -> float:
    """Return the arithmetic of a schedule, of the plain one's, at the mean length."""
    config = CONFIGS[case.model]().to_dict()
    whole = flops.whole(config)
    text = int(examples(case).lengths.mean())

    def cost(kept: flops.Kept) -> float:
        return flops.prompt_cost(config, text, case.prompt, kept=kept).total

    def cut(part: Partial) -> flops.Kept:
        n_encoder, n_blocks = len(whole.encoder), len(whole.encoder) + len(whole.decoder)
        numbers = kept_blocks(part, n_encoder, n_blocks, None)
        widths = [kept_neurons(part.width, (*whole.encoder, *whole.decoder)[number]) for number in numbers]
        n_kept = sum(number < n_encoder for number in numbers)
        return flops.Kept(tuple(widths[:n_kept]), tuple(widths[n_kept:]))

    costs = [cost(cut(part)) for part in schedule.partials()]
    return flops.schedule_share(schedule.shares, costs, cost(whole))
