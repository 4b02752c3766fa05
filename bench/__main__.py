"""Run every benchmark, one after the other, and print what each measured: ``make bench``."""

import runpy
import sys
from pathlib import Path

NO_BENCHMARKS = {"delay_proxy", "publisher_house", "verdicts"}
"""What the others have in common."""
MODULES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    for module in sys.argv[1:] or [name for name in MODULES if name not in NO_BENCHMARKS]:
        print(f"\n== {module}", flush=True)
        sys.argv[1:] = []
        runpy.run_module(f"bench.{module}", run_name="__main__")


if __name__ == "__main__":
    main()
