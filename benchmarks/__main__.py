"""Run benchmarks: python -m benchmarks NAME… [--quick] [--threads N] [--rounds N] [--json FILE] [--device cpu|cuda].

Without a name, list them.
"""

import argparse
import ast
import importlib
import os
import sys
from pathlib import Path

from benchmarks import NAMES

HERE = Path(__file__).parent


def main(arguments: list[str] | None = None) -> int:
    """Run the named benchmarks one after the other; 1 when a gate was missed or something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="one or more of the list, or all")
    parser.add_argument("--quick", action="store_true", help="small sizes, two rounds, no gates, nothing kept")
    parser.add_argument("--threads", type=int, default=1, help="torch threads; with more than one, wall time counts")
    parser.add_argument("--rounds", type=int, help="rounds per variant: 3, with --quick 2")
    parser.add_argument("--json", type=Path, help="file for the rows; by default results/NAME.jsonl, with --quick none")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    args = parser.parse_args(arguments)
    if not args.names:
        for name in NAMES:
            print(f"{name:<20}{summary(name)}")
        return 0
    names = NAMES if args.names == ["all"] else args.names
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"no benchmark is called {unknown[0]}; there are {', '.join(NAMES)}")
    os.environ["OMP_NUM_THREADS"] = str(args.threads)  # before anything imports torch
    return 0 if all([run(name, args) for name in names]) else 1


def summary(name: str) -> str:
    """Return the first line of a benchmark's docstring, without importing it."""
    module = ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(module) or "").splitlines()[0]


def run(name: str, args: argparse.Namespace) -> bool:
    """Run one benchmark; True when all of it was measured and no gate missed."""
    from benchmarks.harness import Failed, Session, Settings

    benchmark = importlib.import_module(f"benchmarks.{name}")
    rounds = args.rounds or (2 if args.quick else 3)
    device = getattr(benchmark, "DEVICE", args.device)
    session = Session(name, Settings(args.quick, args.threads, rounds, device, args.json))
    try:
        benchmark.run(session)
    except Failed as error:
        session.finish()
        print(f"{name}: {error}", file=sys.stderr)
        return False
    return session.finish()


if __name__ == "__main__":
    sys.exit(main())
