"""What the pages Pretrain and Fine-tune answer each in their own way."""

from abc import abstractmethod
from typing import Any, ClassVar, Literal

from PySide6.QtWidgets import QWidget

from app.core.settings import Setting
from app.jobs.runner import JobFunction
from app.pages.shared.page import Page
from app.pages.training.setup.form import TrainingForm
from app.pages.training.setup.start_choice import StartChoice
from engine.contracts.configs import FinetuneConfig, Preset, PretrainConfig
from engine.contracts.results import TrainingResult


class TrainingKindPage(Page):
    """The questions that `app.pages.training.page` asks.

    Attributes:
        kind: That of its runs.
        preset_setting: Where its last preset is kept.
    """

    kind: ClassVar[Literal["pretrain", "finetune"]]
    preset_setting: ClassVar[Setting[str]]

    @abstractmethod
    def introduction(self) -> tuple[str, str]:
        """Return the page's heading, and a sentence or two below it."""

    @abstractmethod
    def job_title(self, name: str, pretext: str) -> str:
        """Return what the training of a run is called in the job bar.

        Args:
            name: Of the run.
            pretext: The method that it learns by without labels; "" where there is none.
        """

    @abstractmethod
    def make_form(self) -> TrainingForm:
        """Return the form of this page's settings."""

    @abstractmethod
    def make_start_choice(self) -> StartChoice:
        """Return the list of models that it may start from."""

    @abstractmethod
    def make_inputs(self) -> QWidget:
        """Return what is chosen besides preset and settings."""

    @abstractmethod
    def preset_values(self, preset: Preset) -> dict[str, Any]:
        """Return a preset's values of config fields."""

    @abstractmethod
    def reference_minutes(self, preset: Preset) -> float:
        """Return how long a preset takes on the reference machine."""

    @abstractmethod
    def make_config(self) -> PretrainConfig | FinetuneConfig:
        """Return the settings of the training that the start button starts."""

    @abstractmethod
    def default_name(self) -> str:
        """Return what a run is called if nobody names it."""

    @abstractmethod
    def training_function(self) -> JobFunction:
        """Return the job."""

    @abstractmethod
    def obstacle(self) -> str:
        """Return why training cannot start now; "" if it can."""

    @abstractmethod
    def missing_input(self) -> tuple[str, str] | None:
        """Return the id of the page where what is missing can be added, and what the button there says."""

    @abstractmethod
    def input_text(self) -> str:
        """Return what is learned from, for the line above the button: "212 photos (3 left out)"."""

    @abstractmethod
    def button_text(self) -> str:
        """Return what the start button says."""

    @abstractmethod
    def num_input_photos(self) -> int:
        """Return how many photos are learned from."""

    @abstractmethod
    def result_text(self, result: TrainingResult) -> str:
        """Return what a finished training achieved, as far as it was measured."""
