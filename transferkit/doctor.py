"""What this machine has and how fast it is: measured, never guessed."""

import time
from pathlib import Path

import torch

from transferkit import catalogue, provenance
from transferkit.store import Store

SIZE = 1536  # rows and columns of the measured product
REPEATS = 6


def examine(store: Path, cache: Path | None) -> dict[str, str]:
    """Return one line per fact: versions, device, matmul rates, assets, store."""
    here = [name for name in catalogue.ENTRIES if catalogue.is_ready(name, cache)]
    found = {f"version {name}": value for name, value in provenance.versions().items()}
    found["processor"] = f"{provenance.facts()['processor']}, {torch.get_num_threads()} threads"
    found["CUDA"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    full, half = (matmul_rate(dtype, device) for dtype in (torch.float32, torch.bfloat16))
    found["matmul float32"] = f"{full / 1e9:.0f} GFLOP/s"
    found["matmul bfloat16"] = f"{half / 1e9:.0f} GFLOP/s ({half / full:.2f} × float32)"
    found["catalogue"] = f"{len(here)} of {len(catalogue.ENTRIES)} fetched ({catalogue.cache_dir(cache)})"
    if (store / "store.toml").is_file():
        n_artifacts = sum(1 for _ in Store(store).specs())
        found["store"] = f"{store}: {n_artifacts} artifacts, {len(Store(store).verify())} altered"
    else:
        found["store"] = f"{store}: none yet"
    return found


def matmul_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Return the measured rate of a square product in FLOP per second."""
    a, b = (torch.randn(SIZE, SIZE, device=device, dtype=dtype) for _ in range(2))
    return 2 * SIZE**3 / min(_seconds(a, b) for _ in range(REPEATS))


def _seconds(a: torch.Tensor, b: torch.Tensor) -> float:
    begun = time.perf_counter()
    torch.matmul(a, b)
    if a.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - begun
