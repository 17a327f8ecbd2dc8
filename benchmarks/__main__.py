"""Every benchmark, one after another: ``make bench``."""

import subprocess
import sys

NAMES = ("demo_start", "home_page", "edge_throughput")


def main() -> None:
    failed = [
        name for name in NAMES if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    ]
    if failed:
        sys.exit(f"These benchmarks did not finish: {', '.join(failed)}")


if __name__ == "__main__":
    main()
