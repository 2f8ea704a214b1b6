"""What a round-robin of variants gave: one value per round, as series that can be compared."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.harness.clock import Turn

FP32_PEAK, BF16_PEAK = "matmul peak, fp32", "matmul peak, bf16"
FAILED = "failed, see above"
WORTH = 1.7  # bf16 counts where its matrix products are at least so many times as fast as those in fp32


@dataclass(frozen=True)
class Series:
    """A measured quantity: its name, one value per round, and where there is none, why."""

    name: str
    values: tuple[float, ...]
    missing: str = ""

    @property
    def median(self) -> float | None:
        """Median over rounds."""
        return statistics.median(self.values) if self.values else None

    def scaled(self, factor: float, name: str | None = None) -> "Series":
        """Return the series times a constant."""
        return replace(self, name=name or self.name, values=tuple(factor * value for value in self.values))

    def inverse(self) -> "Series":
        """Return time per unit for units per time."""
        return replace(self, values=tuple(1.0 / value for value in self.values))


@dataclass(frozen=True)
class Measured:
    """The turns of all variants.

    Attributes:
        turns: by variant, in the order of rounds.
        errors: by variant, why it could not be measured.
        per: "CPU-second" or "second".
    """

    turns: Mapping[str, Sequence[Turn]]
    errors: Mapping[str, str]
    per: str

    def rate(self, name: str) -> Series:
        """Return a variant's units per second."""
        turns = self.turns[name]
        rates = tuple(t.units / (t.cpu_s if self.per == "CPU-second" else t.wall_s) for t in turns)
        return Series(name, rates, self._missing(name))

    def more(self, name: str, what: str) -> Series:
        """Return something else a variant measured."""
        return Series(name, tuple(turn.more[what] for turn in self.turns[name]), self._missing(name))

    def best(self, *names: str) -> Series:
        """Return the fastest of several variants; of none where none was measured."""
        return max((self.rate(name) for name in names), key=lambda series: series.median or 0.0)

    @property
    def bf16_over_fp32(self) -> float | None:
        """How much faster matrix products are in bf16 here, in the first round; None where that was not measured."""
        if not self.turns.get(FP32_PEAK) or not self.turns.get(BF16_PEAK):
            return None
        return self.rate(BF16_PEAK).values[0] / self.rate(FP32_PEAK).values[0]

    @property
    def bf16_is_slow(self) -> bool:
        """Whether bf16 is known not to be worth measuring on this machine."""
        return self.bf16_over_fp32 is not None and self.bf16_over_fp32 < WORTH

    def _missing(self, name: str) -> str:
        if self.turns[name]:
            return ""
        if name in self.errors:
            return FAILED
        return f"not applicable: bf16 matrix products run at {self.bf16_over_fp32:.2g} × fp32 here"
