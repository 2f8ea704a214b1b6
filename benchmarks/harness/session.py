"""One benchmark's run: variants take turns in rotated order, and their series become rows with gates and goals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.harness.clock import Turn
from benchmarks.harness.ledger import Ledger, Lines, machine, sources
from benchmarks.harness.measured import BF16_PEAK, FAILED, FP32_PEAK, Measured, Series
from benchmarks.harness.settings import Settings
from benchmarks.harness.table import Table
from benchmarks.harness.workers import Failed, Job, Method, Variant, Worker

PEAKS = (FP32_PEAK, BF16_PEAK)


@dataclass(frozen=True)
class Gate:
    """What is demanded of a line.

    Attributes:
        name: its number in the list of demands, such as "B1a"; empty where nothing is demanded.
        least: the ratio that must be reached; with `at_most`, not exceeded.
        goal: the ratio aimed at.
        at_most: whether small is good.
        absolute: whether `ours` itself is judged, for lines without a peer.
    """

    name: str = ""
    least: float | None = None
    goal: float | None = None
    at_most: bool = False
    absolute: bool = False

    def passed(self, ours: float, ratio: float | None) -> bool | None:
        """Tell whether the demand is met; None where there is none."""
        value = ours if self.absolute else ratio
        if self.least is None or value is None:
            return None
        return value <= self.least if self.at_most else value >= self.least


class Session:
    """Measures variants and keeps rows for one benchmark.

    Args:
        name: of the benchmark.
        settings: what the command line asked for.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        self.name, self.settings = name, settings
        self.rows: list[dict] = []
        self.machine = machine()
        self.conditions = {
            "benchmark": name,
            "quick": settings.quick,
            "threads": settings.threads,
            "device": settings.device,
            "sources": sources(),
            "processor": self.machine["processor"],
            "cores": self.machine["cores"],
            "versions": self.machine["versions"],
        }
        self._ledger = Ledger(Lines(settings.turns(name)), self.conditions)
        self._kept = Lines(settings.rows(name))
        self._table = Table(name)

    def verify(self, shape: str, make: Callable[..., Job], **options: object) -> None:
        """Let a check run once in a process of its own, before anything is timed.

        Raises:
            Failed: it found a difference.
        """
        variant = Variant(f"check: {make.__name__} {options.get('dtype', '')}".strip(), make, options)
        if self._ledger.get(shape, variant.name, 0) is None:
            worker = Worker(variant, threads=self.settings.threads)
            try:
                self._ledger.put(shape, variant.name, 0, worker.turn())
            finally:
                worker.close()

    def measure(
        self, shape: str, variants: Sequence[Variant], *, resident: bool = True, method: Method = "forkserver"
    ) -> Measured:
        """Return the turns of all variants: every round each takes one, in an order that is rotated.

        Matrix-product rates come first in each round; where bf16 products turn out slow in the first, variants in bf16
        are left out.

        Args:
            shape: what is measured, as rows say it.
            variants: what takes turns.
            resident: whether processes stay between turns; large models are made anew instead.
            method: see `Worker`.
        """
        turns: dict[str, list[Turn]] = {variant.name: [] for variant in variants}
        errors: dict[str, str] = {}
        workers: dict[str, Worker] = {}
        try:
            for number in range(self.settings.rounds):
                for variant in _order(variants, number):
                    found = Measured(turns, errors, self.settings.second)
                    is_slow = variant.dtype == "bfloat16" and variant.name not in PEAKS and found.bf16_is_slow
                    if variant.name in errors or is_slow:
                        continue
                    turn = self._ledger.get(shape, variant.name, number)
                    try:
                        turn = turn or self._turn(variant, workers, shape, number, method)
                        turns[variant.name].append(turn)
                    except Failed as error:
                        errors[variant.name] = str(error)
                        self._table.say(f"{variant.name}: {error}")
                    if not resident and variant.name in workers:
                        workers.pop(variant.name).close()
        finally:
            for worker in workers.values():
                worker.close()
        return Measured(turns, errors, self.settings.second)

    def compare(
        self,
        shape: str,
        ours: Series,
        peer: Series | None,
        *,
        gate: Gate = Gate(),
        unit: str,
        dtype: str = "float32",
        note: str = "",
    ) -> None:
        """Add a row: ours beside a peer, or alone; the ratio is that of the medians, its spread that of the rounds."""
        values = list(zip(ours.values, peer.values, strict=False)) if peer else []
        ratios = [a / b for a, b in values]
        ratio = ours.median / peer.median if peer and ours.median is not None and peer.median else None
        missing = ours.missing or (peer.missing if peer else "")
        judged = not self.settings.quick and not missing
        self.add(
            {
                "shape": shape,
                "id": gate.name,
                "ours_name": ours.name,
                "ours": _rounded(ours.median),
                "peer_name": peer.name if peer else None,
                "peer": _rounded(peer.median) if peer else None,
                "ratio": _rounded(ratio),
                "unit": unit,
                "n": len(ratios) if peer else len(ours.values),
                "spread": _rounded(_spread(ratios if peer else ours.values)),
                "gate": gate.least,
                "goal": gate.goal,
                "at_most": gate.at_most,
                "passed": gate.passed(ours.median, ratio) if judged and ours.median is not None else None,
                "dtype": dtype,
                "note": "; ".join(filter(None, [missing, note])),
            }
        )

    def add(self, row: dict) -> None:
        """Keep a row and print it; one kept before under the same conditions is not written again."""
        known = {name: row[name] for name in ("shape", "id", "ours_name", "peer_name", "unit", "n")}
        if self._kept.find(**known, **self.conditions) is None:
            self._kept.add({**row, **self.conditions, **self.machine})
        self.rows.append(row)
        self._table.add(row)

    def finish(self) -> bool:
        """Print the table; True when nothing that should have been measured is missing and no gate was missed."""
        self._table.show(self.settings)
        return not any(row["passed"] is False or row["note"].startswith(FAILED) for row in self.rows)

    def _turn(self, variant: Variant, workers: dict[str, Worker], shape: str, number: int, method: Method) -> Turn:
        if variant.name not in workers:
            workers[variant.name] = Worker(variant, threads=self.settings.threads, method=method)
        self._table.working(f"{self.name} · {shape} · round {number + 1} · {variant.name}")
        turn = workers[variant.name].turn()
        self._ledger.put(shape, variant.name, number, turn)
        return turn


def _order(variants: Sequence[Variant], number: int) -> list[Variant]:
    """Return the peaks, then the rest rotated by the round's number."""
    peaks = [variant for variant in variants if variant.name in PEAKS]
    rest = [variant for variant in variants if variant.name not in PEAKS]
    at = number % max(1, len(rest))
    return [*peaks, *rest[at:], *rest[:at]]


def _spread(values: Sequence[float]) -> float | None:
    """Return the range between rounds as a share of the median."""
    return (max(values) - min(values)) / median(values) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
