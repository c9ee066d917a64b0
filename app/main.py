"""Starts the window: `residua-studio [FOLDER or FILE ...]`."""

import os
import sys
from collections.abc import Sequence

from engine.machine.processes.environment import complete_environment
from engine.machine.processes.openmp import share_the_processor

share_the_processor()
complete_environment()
os.environ.setdefault("QT_API", "pyside6")


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the window and run until it is closed; or be what reads raw files for it.

    Args:
        arguments: Folders and files to open; None: those of the command line.

    Returns:
        The exit code.
    """
    from engine.photo_files.raw import process as raw_process

    exit_code = raw_process.serve_if_asked()
    if exit_code is not None:
        return exit_code
    from app.loading import quick_loading

    with quick_loading():
        from app import studio
    return studio.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
