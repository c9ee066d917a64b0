"""A job's token that tells when the job has come to its pause, so that no test has to guess how long that takes."""

import threading

from engine.contracts.job_control import JobControl


class ToldControl(JobControl):
    """Pause, resume and cancel as ever.

    Attributes:
        waits: Set once the job waits in a pause.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Event()

    def wait_if_paused(self) -> None:
        """Tell, and wait as ever."""
        if self.is_paused:
            self.waits.set()
        super().wait_if_paused()
