"""What a command costs: wall time, CPU time and peak memory of it and its children, with machine facts.

Run: python -m benchmarks.cost NAME -- transferkit quickstart --store FOLDER --out FOLDER
It appends one JSON line to benchmarks/results/NAME.jsonl.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from transferkit import provenance

RESULTS = Path(__file__).with_name("results")


def main() -> None:
    """Run a command and keep what it cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    begun = time.monotonic()
    done = subprocess.run(command, check=False)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    facts = provenance.facts()
    row = {
        "command": [Path(part).name if Path(part).is_absolute() else part for part in command],
        "exit_code": done.returncode,
        "wall_s": round(time.monotonic() - begun, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_memory_mb": round(used.ru_maxrss / 1024),
        **{name: facts[name] for name in ("made", "processor", "cores", "platform", "versions", "git")},
    }
    with (RESULTS / f"{args.name}.jsonl").open("a") as file:
        file.write(json.dumps(row, sort_keys=True) + "\n")
    print(json.dumps(row, indent=1))
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
