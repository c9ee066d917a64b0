"""What was measured about the photos' noise, in plain words with the figures in the tooltip."""

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QWidget

from app.look import phrases
from app.look.layouts import in_row
from app.look.text import label
from app.look.translation import tr, translate_engine
from engine.contracts.events import PhotoScanned
from engine.contracts.noise import (
    LEVELS,
    FolderNoise,
    NoiseDoubt,
    SignalDependence,
    noise_word,
    sigma_against,
    summarize_noise,
)


class NoiseFacts(QWidget):
    """One or two lines about the noise that photos have in common; hidden where nothing was measured.

    Attributes:
        label: The lines.
    """

    def __init__(self, button: QPushButton | None = None, parent: QWidget | None = None) -> None:
        """Build the lines.

        Args:
            button: Stands at their end.
            parent: Their owner.
        """
        super().__init__(parent)
        self.label = label("", "muted", wraps=True)
        layout = in_row((self.label, 1), of=self, margins=0)
        if button is not None:
            layout.addWidget(button)
        self.hide()

    def minimumSizeHint(self) -> QSize:
        # Of a splitter's parts nobody asks how high they must be at their width.
        layout = self.layout()
        least = layout.totalMinimumHeightForWidth(self.width()) if layout is not None else 0
        return super().minimumSizeHint().expandedTo(QSize(0, least))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def show_photos(self, photos: Iterable[PhotoScanned]) -> None:
        """Say what the noise of photos is like, and what pretraining will do about it."""
        noise = common_noise(photos)
        self.show_noise(noise, plan_text(noise) if noise is not None else "")

    def show_noise(self, noise: FolderNoise | None, plan: str) -> None:
        """Say what the noise is like, and what is done about it.

        Args:
            noise: What was measured; None where nothing was.
            plan: What is done about it.
        """
        self.setVisible(noise is not None)
        if noise is not None:
            self.label.setText(" ".join(part for part in (measured_text(noise), plan) if part))
            self.label.setToolTip(figures_text(noise))


def common_noise(photos: Iterable[PhotoScanned]) -> FolderNoise | None:
    """Return what the noises of scanned photos have in common; None where none was measured."""
    return summarize_noise(photo.noise for photo in photos if photo.noise is not None)


def plan_text(noise: FolderNoise) -> str:
    """Say what pretraining will do about the noise's reach."""
    if noise.stride == 1:
        return tr("Each pixel has noise of its own, so pretraining uses every pixel (stride 1).")
    return tr(
        "Neighbouring pixels share their noise, so pretraining compares pixels {stride} apart "
        "(stride\N{NO-BREAK SPACE}{stride})."
    ).format(stride=noise.stride)


def level_text(noise: FolderNoise) -> str:
    """Say how noisy the photos are, and how much that differs."""
    measured = tr("{photos} measured.").format(photos=phrases.count(noise.num_photos, "photo"))
    return f"{measured} {translate_engine(noise.level_sentence)}"


def measured_text(noise: FolderNoise) -> str:
    """Say how noisy the photos are, and where they are more so."""
    return " ".join(part for part in (level_text(noise), _dependence_text(noise)) if part)


def figures_text(noise: FolderNoise) -> str:
    """Return the figures behind the words, a line each."""
    low, high = noise.low_sigma * LEVELS, noise.high_sigma * LEVELS
    lines = [
        tr(
            "Median standard deviation {sigma} of {levels}; nine of ten photos have at least {low}, "
            "nine of ten at most {high}."
        ).format(
            sigma=phrases.number(noise.sigma * LEVELS, 2),
            levels=LEVELS,
            low=phrases.number(low, 2),
            high=phrases.number(high, 2),
        ),
        *_dependence_figures(noise.dependence),
        tr("Correlation of the noise of pixels 1, 2, 3 and 4 apart: {figures}.").format(
            figures=_correlation_figures(noise.correlation)
        ),
        tr("The stride can be changed on the Pretrain page."),
    ]
    return "\n".join(lines)


def photo_level_text(photo: PhotoScanned) -> str:
    """Say in a line how noisy a photo is, in plain words with the figure behind."""
    if photo.noise_sigma is None:
        return tr("noise not measured")
    return ". ".join(_level_lines(photo.noise_sigma, photo.noise_reach, photo.noise_doubt))


def photo_noise_text(photo: PhotoScanned) -> str:
    """Return all that is known about a photo's noise, a line each."""
    noise = photo.noise
    if noise is None:
        return photo_level_text(photo)
    lines = _level_lines(noise.sigma, noise.reach, noise.doubt)
    if noise.dependence is not None:
        lines.append(translate_engine(noise.dependence.sentence))
        lines += _dependence_figures(noise.dependence)
    lines.append(translate_engine(noise.correlation_sentence))
    return "\n".join(lines)


def noise_figure(sigma: float) -> str:
    """Return the figure in which a photo's noise is told everywhere."""
    return phrases.number(sigma * LEVELS, 1)


def _level_lines(sigma: float, reach: float, doubt: NoiseDoubt) -> list[str]:
    """How strong the noise is, and why that may be wrong."""
    said = tr("{word} (standard deviation {sigma} of {levels})").format(
        word=translate_engine(noise_word(sigma_against(sigma, reach))), sigma=noise_figure(sigma), levels=LEVELS
    )
    return [said, translate_engine(doubt.sentence)] if doubt else [said]


def _dependence_text(noise: FolderNoise) -> str:
    return translate_engine(noise.dependence.sentence) if noise.dependence is not None else ""


def _dependence_figures(dependence: SignalDependence | None) -> list[str]:
    if dependence is None:
        return []
    slope, offset = dependence.slope * LEVELS, dependence.offset * LEVELS**2
    line = tr(
        "Variance = {slope} · y {sign} {offset} for a brightness y from {darkest} to {brightest}, "
        "all on the 0 to {levels} scale."
    ).format(
        slope=_number(slope),
        sign="−" if offset < 0 else "+",
        offset=_number(abs(offset)),
        darkest=phrases.number(dependence.darkest * LEVELS),
        brightest=phrases.number(dependence.brightest * LEVELS),
        levels=LEVELS,
    )
    if dependence.slope < 0:
        return [line, tr("It falls as y grows: usual after a camera's tone curve.")]
    return [line]


def _number(value: float) -> str:
    digits = 0 if abs(value) >= 10 else 1 if abs(value) >= 1 else 3
    return phrases.number(value, digits).replace("-", "−")


def _correlation_figures(correlation: Sequence[float]) -> str:
    return ", ".join(phrases.number(value, 2).replace("-", "−") for value in correlation)
