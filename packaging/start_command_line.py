"""What the frozen program `residua` runs."""

import multiprocessing
import sys

if __name__ == "__main__":
    # The label-budget experiment starts more of this program, which have to become its workers.
    multiprocessing.freeze_support()
    from engine.data import raw_process

    exit_code = raw_process.serve_if_asked()
    if exit_code is not None:
        sys.exit(exit_code)
    from engine.cli import main

    main()
