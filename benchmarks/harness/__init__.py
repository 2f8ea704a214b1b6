"""One scheme for all benchmarks: turns in processes of their own, interleaved, kept as measured, compared as ratios."""

from benchmarks.harness.clock import Laps, Stopwatch, Turn
from benchmarks.harness.measured import BF16_PEAK, FP32_PEAK, Measured, Series
from benchmarks.harness.session import Gate, Session
from benchmarks.harness.settings import Settings
from benchmarks.harness.workers import Failed, Job, Variant

__all__ = [
    "BF16_PEAK",
    "FP32_PEAK",
    "Failed",
    "Gate",
    "Job",
    "Laps",
    "Measured",
    "Series",
    "Session",
    "Settings",
    "Stopwatch",
    "Turn",
    "Variant",
]
