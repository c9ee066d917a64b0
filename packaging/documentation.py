"""Builds the documentation as a site, without network: `python packaging/documentation.py [--out build/site]`."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE.parent / "build" / "site")
    options = parser.parse_args()
    # Strict: a link that leads nowhere, or a page that no menu names, is an error; warnings that `--quiet` leaves out
    # would not count.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean"]
    command += ["--config-file", str(HERE / "mkdocs.yml"), "--site-dir", str(options.out.resolve())]
    # Its notice about its own future is not for our readers.
    return subprocess.run(command, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}).returncode


if __name__ == "__main__":
    sys.exit(main())
