"""Takes addresses out of package-lock.json: versions and digests pin what is installed, wherever it comes from."""

import json
import sys
from pathlib import Path


def main() -> None:
    path = Path(sys.argv[1])
    lock = json.loads(path.read_text())
    for package in lock["packages"].values():
        for name in ("resolved", "funding"):
            package.pop(name, None)
    path.write_text(json.dumps(lock, indent=2) + "\n")


if __name__ == "__main__":
    main()
