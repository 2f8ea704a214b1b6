"""Growth: schedules are put together from their stages, views equal copies, and a quick run gives a row each."""

import dataclasses

import pytest

from benchmarks import growth, growth_jobs
from benchmarks.cases import examples
from benchmarks.harness import Measured, Session, Settings
from benchmarks.harness.clock import Turn
from benchmarks.models import CONFIGS, backbone
from transferkit import flops
from transferkit.specs import Partial

QUICK = Settings(quick=True, rounds=1)


def test_a_schedule_takes_its_shares_of_every_stage() -> None:
    schedule = growth.SCHEDULES[0]
    rates = {growth.PLAIN: 10.0, **dict(zip(map(growth._on, schedule.partials()), (40.0, 20.0, 16.0), strict=True))}
    measured = Measured({name: [Turn(rate, 1.0, 1.0, {})] for name, rate in rates.items()}, {}, "CPU-second")
    found = growth._of_schedule(measured, schedule)
    assert found.values == (pytest.approx(1 / (0.2 / 40 + 0.2 / 20 + 0.2 / 16 + 0.4 / 10)),)


def test_arithmetic_in_depth_is_that_of_the_blocks_kept() -> None:
    case = growth.CASES[0].under(QUICK)  # four blocks, of which two, two and three are kept, and a head that stays
    config, text = CONFIGS[case.model]().to_dict(), int(examples(case).lengths.mean())
    blocks = [flops.prompt_cost(config, text, case.prompt, kept=flops.Kept((512,) * n)).total for n in (2, 2, 3, 4)]
    wanted = sum(share * cost for share, cost in zip((0.2, 0.2, 0.2, 0.4), blocks, strict=True)) / blocks[-1]
    assert growth._share(case, growth.SCHEDULES[0]) == pytest.approx(wanted)
    assert growth._share(case, growth.SCHEDULES[2]) < wanted


@pytest.mark.parametrize("model", ["tiny-roberta", "tiny-t5"])
def test_views_take_less_memory_than_copies(model: str) -> None:
    case = dataclasses.replace(growth.CASES[0], model=model)
    views, copies = (
        job(case, schedule=growth.SCHEDULES[2])().more["mb"] for job in (growth_jobs.growing, growth_jobs.gathering)
    )
    whole = backbone(model)
    ffn = sum(
        parameter.nbytes
        for block in whole.blocks
        for path in (*whole.family.feed_forward(block).entering, whole.family.feed_forward(block).down)
        for parameter in block.get_submodule(path).parameters()
    )
    assert views <= ffn / 2**20
    assert copies > views
    (block,) = whole.partial(Partial(width=0.5, neurons="first")).blocks[:1]
    copied = growth_jobs._copied(whole, whole.blocks[0], 0.5)
    assert [p.shape for p in copied.parameters()] == [p.shape for p in block.parameters()]


@pytest.mark.slow
def test_a_row_per_comparison(here: list[str]) -> None:
    session = Session("growth", QUICK)
    growth.run(session)
    assert session.finish()
    assert len(here) == 2 * (1 + 9 + 2)
    assert len(session.rows) == 2 * (3 + 2)
    assert all(row["ours"] > 0 for row in session.rows)
