"""What the frozen program `residua-studio` runs."""

import multiprocessing
import sys

if __name__ == "__main__":
    # The label-budget experiment starts more of this program, which have to become its workers.
    multiprocessing.freeze_support()
    from app.main import main

    sys.exit(main())
