"""Steps of a projector between prompts against the published loop's, by rows against flattened, and searches (B9)."""

from functools import partial

from benchmarks.harness import Gate, Series, Session, Variant
from benchmarks.projector_jobs import Spaces, adamw_pass, matches_published, ours, published, search
from benchmarks.variants import PUBLISHED
from transferkit.projectors.nets import WIDTHS

FLAT, ROWS = "transferkit, flattened", "transferkit, by rows"
FOREACH, PASS = f"{PUBLISHED}, foreach", "fused AdamW over as many weights, no more"
TOGETHER = f"{PUBLISHED}, together"
EVERY, SOME = "relative space, all anchors count", "relative space, half of them count for a row"

DEVICE = "cpu"  # what is measured are ways through a CPU's memory
SMALL = Spaces(10, 12, 16, 8, 3)
STEP, CHEAPER = Gate("B9", 2.8, 3.5), Gate("B9", 20)
OTHER = "one step for all prompts is another trajectory than one each"


def run(session: Session) -> None:
    """Measure steps of one prompt, of all prompts, and searches."""
    spaces = SMALL if session.settings.quick else Spaces()
    session.verify(str(spaces), matches_published, spaces=spaces)
    alone = _one_prompt(session, spaces)
    _all_prompts(session, spaces, alone)
    _searches(session, spaces)


def _one_prompt(session: Session, spaces: Spaces) -> Series:
    """Add rows of steps of one prompt; return the published loop's rate."""
    shape = f"{spaces}, one prompt a step"
    options = {"spaces": spaces, "steps": 2 if session.settings.quick else 6}
    many = {"spaces": spaces, "steps": 2 if session.settings.quick else 60}
    measured = session.measure(
        shape,
        [
            Variant(FLAT, ours, options),
            Variant(PUBLISHED, published, options),
            Variant(FOREACH, published, {**options, "foreach": True}),
            Variant(PASS, adamw_pass, options),
            Variant(ROWS, ours, {**many, "form": "rows"}),
        ],
        resident=False,
    )
    flat, loop, rows = (measured.rate(name) for name in (FLAT, PUBLISHED, ROWS))
    compare = partial(session.compare, shape, unit=f"prompts per {measured.per}")
    compare(flat, loop, gate=STEP, note=_seconds(flat, loop))
    compare(flat, measured.rate(FOREACH), note=_seconds(flat, measured.rate(FOREACH)))
    mine, bare = flat.inverse(), measured.rate(PASS).inverse()
    session.compare(shape, mine, bare, gate=Gate(at_most=True), unit=f"{measured.per}s a step")
    compare(
        rows, flat, gate=CHEAPER, note=f"{_seconds(rows, flat)}; hidden layers of {WIDTHS['rows']} and {WIDTHS['flat']}"
    )
    compare(rows, loop, note=_seconds(rows, loop))
    return loop


def _all_prompts(session: Session, spaces: Spaces, alone: Series) -> None:
    """Add rows of steps of all prompts at once."""
    n = spaces.n_prompts
    shape = f"{spaces}, {n} prompts a step"
    options = {"spaces": spaces, "steps": 2 if session.settings.quick else 4, "at_once": n}
    measured = session.measure(
        shape,
        [
            Variant(FLAT, ours, options),
            Variant(TOGETHER, published, options),
            Variant(ROWS, ours, {**options, "form": "rows"}),
        ],
        resident=False,
    )
    flat, rows = measured.rate(FLAT), measured.rate(ROWS)
    compare = partial(session.compare, shape, unit=f"prompts per {measured.per}")
    compare(flat, measured.rate(TOGETHER))
    compare(flat, alone, note=OTHER)
    compare(rows, flat)


def _searches(session: Session, spaces: Spaces) -> None:
    """Add how long a prompt takes in relative space: with anchors that all count, and with some that do not."""
    n, of = (64, 40) if session.settings.quick else (8192, 2000)
    timed = max(1, of // 20)
    shape = f"{spaces}, {n} anchors, {of} steps"
    options = {"spaces": spaces, "n_anchors": n, "of": of}
    measured = session.measure(
        shape,
        [
            Variant(EVERY, search, {**options, "top_k": n, "steps": of}),
            Variant(SOME, search, {**options, "top_k": n // 2, "steps": timed}),
        ],
    )
    unit = f"{measured.per}s per prompt"
    session.compare(shape, measured.rate(EVERY).inverse(), None, unit=unit)
    session.compare(shape, measured.rate(SOME).inverse(), None, unit=unit, note=f"extrapolated from {timed} steps")


def _seconds(mine: Series, theirs: Series) -> str:
    return f"{1 / mine.median:.2g} s a step against {1 / theirs.median:.2g}" if mine.median and theirs.median else ""
