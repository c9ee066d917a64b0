"""What is said and offered when a training has ended."""

from PySide6.QtWidgets import QPushButton

from app.jobs.runner import JobState
from app.look import phrases
from app.look.buttons import button, primary_button
from app.look.translation import format_number, tr, tr_count, translate_engine
from app.pages.training.job import TrainingJob
from app.pages.training.setup.time import compared_with_estimate


def ending_text(training: TrainingJob) -> str:
    """Return how long an ended training took against the estimate, or how far it came."""
    result, step, failure = training.result, training.last_step, training.failure
    if result is not None:
        steps = tr_count("{steps} step", "{steps} steps", result.steps).format(steps=format_number(result.steps))
        steps = steps.replace(" ", phrases.NO_BREAK)
        took = tr("{steps} took {time}").format(steps=steps, time=phrases.duration(result.seconds))
        # A run that was resumed has worked before; what was estimated was the whole.
        against = compared_with_estimate(result.seconds, training.expected_seconds(result.steps))
        return f"{took}{', ' if against else ''}{against}."
    if training.job.state is JobState.CANCELLED and step is not None:
        stopped = tr("Stopped at step {step} of {steps}.").format(
            step=format_number(step.step), steps=format_number(step.num_steps)
        )
        return f"{stopped} " + tr("What it has learned so far is saved: it can restore photos now, or go on later.")
    return f"{translate_engine(failure.message)} {translate_engine(failure.hint)}" if failure is not None else ""


class EndingButtons:
    """The buttons of an ended training; those that make no sense are None.

    Attributes:
        again: Back to the settings.
        resume: Goes on with it.
        tune: Fine-tunes its model.
        use: Restores photos with its model.
    """

    def __init__(self, training: TrainingJob, *, with_tuning: bool) -> None:
        """Make them.

        Args:
            training: An ended training.
            with_tuning: Whether its model is one to be fine-tuned.
        """
        is_done = training.result is not None
        can_resume = not is_done and training.run is not None and training.last_step is not None
        self.again = button(tr("Back to the settings"))
        self.resume = primary_button(tr("Resume"), "play") if can_resume else None
        self.tune = button(tr("Fine-tune it"), "graduation-cap") if is_done and with_tuning else None
        self.use = primary_button(tr("Restore photos with it"), "magic-wand") if is_done else None

    @property
    def all(self) -> list[QPushButton]:
        """Those that there are; the last is the primary one."""
        return [one for one in (self.again, self.tune, self.resume, self.use) if one is not None]
