"""What the frozen program runs: by the name `residua` the command line, by the name `residua-studio` the window."""

import multiprocessing
import sys
from pathlib import Path


def main() -> None:
    """Be whatever this process was started for."""
    # The label-budget experiment starts more of this program, which have to become its workers.
    multiprocessing.freeze_support()
    from engine.photo_files.raw import process as raw_process

    exit_code = raw_process.serve_if_asked()
    if exit_code is not None:
        sys.exit(exit_code)
    if Path(sys.argv[0]).stem == "residua-studio":
        from app.main import main as open_window

        sys.exit(open_window())
    from engine.cli.main import main as run_command

    run_command()


if __name__ == "__main__":
    main()
