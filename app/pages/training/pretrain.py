"""Pretrain: learn from the noisy photos alone."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from app.core.session import Session
from app.core.settings import PRETRAIN_PRESET, RECURSIVE, Settings
from app.jobs.runner import JobLane, JobRunner
from app.look import phrases
from app.look.buttons import quiet_button
from app.look.layouts import in_column
from app.look.theme import SPACING
from app.look.translation import mark, tr, translate_engine
from app.pages.shared.learned_noise.noise_look import NoiseLook
from app.pages.shared.learned_noise.noise_panel import NoisePanel
from app.pages.shared.learned_noise.words import gain_text
from app.pages.shared.noise_facts import NoiseFacts, common_noise, measured_text, plan_text
from app.pages.training.page import TrainingInputs, TrainingKind, TrainingPage
from app.pages.training.setup.checks import TrainingChecks
from app.pages.training.setup.panel import captioned
from app.pages.training.setup.start_choice import StartChoice
from app.pages.training.setup.teaching_photos import count_photos
from app.widgets.field_editors import IntEditor
from engine.contracts.configs import OWN_NOISE, Preset, PretrainConfig
from engine.contracts.photo import NOTHING_NOTED, CameraFacts, PhotoRef
from engine.contracts.presets import pretrain_preset
from engine.contracts.results import TrainingResult
from engine.jobs import pretrain
from engine.method.catalogue.backbones import BACKBONES
from engine.method.catalogue.pretexts import PRETEXTS, methods_for_one_photo
from engine.photo_files.values.given import given_here
from engine.runs.store import Run

_FIELDS = (
    "name",
    "steps",
    "photos_per_batch",
    "crop_px",
    "learning_rate",
    "weight_average_decay",
    "forgetting_limit",
    "device",
    "precision",
    "seed",
    "checkpoint_interval_s",
    "preview_interval_s",
)
STRIDE_MEASURED = 0
"""The stride that stands for the measured one."""
_RESTORING_TASK = "denoise"
"""What a pretrained network does without labels, so that its shipped model is the one to start from."""


PRETRAIN = TrainingKind(
    name="pretrain",
    config=PretrainConfig,
    fields=_FIELDS,
    job=pretrain,
    catalogues={"pretext": PRETEXTS, "backbone": BACKBONES},
    minutes=lambda card: card.pretrain_minutes,
    preset_setting=PRETRAIN_PRESET,
    is_tuned_next=True,
)


class PretrainInputs(TrainingInputs):
    """Noisy photos, their noise, and the model that is refined on it, if any.

    Where a model is to be refined on the photos' own noise, the page is about that noise, and looks at it beforehand.

    Attributes:
        look: Finds out what the noise is like, in the background.
        noise_panel: Shows it.
        noise_facts: What the photos' noise is like, and the stride that follows from it.
        change_stride: Leads to the setting of the stride.
    """

    def __init__(self, session: Session, runner: JobRunner, settings: Settings) -> None:
        super().__init__(PRETRAIN, session, runner, settings)
        self.start_choice = StartChoice(session, settings, lambda: _RESTORING_TASK, self._starter)
        self.start_choice.changed.connect(self.start_changed)
        session.photos_measured.connect(self.changed)
        self.change_stride = quiet_button(tr("Change"))
        self.change_stride.setToolTip(tr("Show the settings, where the sub-sampling stride can be changed."))
        self.change_stride.clicked.connect(self._show_stride)
        self.noise_facts = NoiseFacts(self.change_stride)
        self.look = NoiseLook(runner, self)
        self.noise_panel = NoisePanel(self.look, self._camera_of)
        self.noise_panel.hide()
        in_column(
            self.noise_facts,
            self.noise_panel,
            captioned({tr("Start from"): self.start_choice}),
            of=self,
            margins=0,
            spacing=2 * SPACING,
        )

    @property
    def learns_own_noise(self) -> bool:
        """Whether the method that is chosen learns the photos' own noise."""
        return bool(self.form.values()["pretext"] == OWN_NOISE)

    def introduction(self) -> tuple[str, str]:
        if self.learns_own_noise:
            return tr("Learn this folder’s noise"), tr(
                "The program learns what the noise of your photos is like, puts it on clean pictures, and refines a "
                "model on them as far as that makes your photos better. It needs no clean photo. All stays on this "
                "machine."
            )
        return tr("Learn from your photos"), tr(
            "A network learns from your noisy photos alone what is noise and what is picture. It needs no clean photo. "
            "All stays on this machine."
        )

    def job_title(self, name: str, pretext: str) -> str:
        text = tr("Learning the noise of “{name}”") if pretext == OWN_NOISE else tr("Pretraining “{name}”")
        return text.format(name=name)

    def _starter(self) -> Path | None:
        """What is refined unless a person says otherwise; without it, learning begins from scratch."""
        starter = self.session.starter_to_learn_from(_RESTORING_TASK)
        return starter.path if starter is not None else None

    def follow_checks(self, checks: TrainingChecks) -> None:
        self._look_at_noise(checks)
        if any(job.request.page_id == "photos" for job in self.runner.jobs):
            return
        noise = common_noise(self.session.included_photos)
        editor = self.form.params_editor("pretext_params", "stride")
        self.change_stride.setVisible(editor is not None)
        if noise is None or editor is None:
            plan = ""
        elif editor.value() == STRIDE_MEASURED:
            plan = plan_text(noise)
        else:
            plan = tr("Stride {stride}, as set below; measured: {measured}.").format(
                stride=editor.value(), measured=noise.stride
            )
        # Where the photos' own noise is learned, the panel says it, and more.
        self.noise_facts.show_noise(None if not self.noise_panel.isHidden() else noise, plan)
        self.noise_panel.show_measured(measured_text(noise) if noise is not None else "")
        if isinstance(editor, IntEditor):
            measured = tr("Measure at start")
            if noise is not None:
                measured = tr("As measured: {stride} px").format(stride=noise.stride)
            editor.set_lowest_text(measured)

    def _look_at_noise(self, checks: TrainingChecks) -> None:
        """Look at the noise while the page is looked at and nothing else computes."""
        photos, model = self.session.included_photos, self.start_choice.path
        self.noise_panel.setVisible(self.learns_own_noise and bool(photos) and model is not None)
        if not self.learns_own_noise or not photos or model is None:
            self.look.forget()
            return
        # The photos are found and measured first; a training learns the noise by itself; a trial of a few steps would
        # find this machine slower than it is.
        is_machine_busy = checks.is_trying or any(
            job.request.page_id == "photos" or job.request.lane is JobLane.MAIN for job in self.runner.jobs
        )
        if is_machine_busy:
            self.look.step_aside()
        elif self.isVisible() and self.session.compute_text and not checks.is_busy:
            self.look.look_at(self.session.teaching_photos, model)

    def _camera_of(self, photo: PhotoRef) -> CameraFacts:
        scanned = self.session.photo(photo)
        return scanned.camera if scanned is not None else NOTHING_NOTED

    @Slot()
    def _show_stride(self) -> None:
        self.form.set_more_shown(True)
        editor = self.form.params_editor("pretext_params", "stride")
        if editor is not None:
            editor.setFocus()

    def preset_values(self, preset: Preset) -> dict[str, Any]:
        return pretrain_preset(preset, from_scratch=self.start_choice.path is None)

    def make_config(self) -> PretrainConfig:
        values = self.form.values()
        values["name"] = values["name"].strip() or self.default_name()
        if self.start_choice.path is not None:
            values.pop("backbone", None)
            values.pop("backbone_params", None)
        sources = self.session.training_sources(is_whole_folder=self.settings.get(RECURSIVE))
        values["levels"] = given_here()
        return PretrainConfig(parent=self.start_choice.path, photos=sources, **values)

    def default_name(self) -> str:
        return self.session.folder_name

    def obstacle(self) -> str:
        if any(job.request.page_id == "photos" for job in self.runner.jobs):
            return tr("The photos are still being read.")
        if not self.session.photos:
            return tr("Open a folder of noisy photos first.")
        if self.learns_own_noise and self.start_choice.path is None:
            return tr(
                "Learning the photos’ own noise refines a model: start from the starter model or a run, or choose "
                "another method under More settings."
            )
        least = PRETEXTS[self.form.values()["pretext"]].min_photos
        if self.num_input_photos() < least:
            return tr(
                "At least {least} photos are needed: the method compares the noise of different photos. Add photos, "
                "cut a photo into parts, or choose a method that learns from a single photo too: {methods}."
            ).format(least=least, methods=", ".join(map(translate_engine, methods_for_one_photo())))
        return ""

    def missing_input(self) -> tuple[str, str] | None:
        return None if self.session.photos else ("photos", tr("Go to Photos"))

    def input_text(self) -> str:
        num_left_out = len(self.session.photos) - len(self.session.included_photos)
        text = count_photos(self.num_input_photos())
        if not num_left_out:
            return text
        return tr("{photos} ({number} left out)").format(photos=text, number=phrases.number(num_left_out))

    def button_text(self) -> str:
        num_photos = self.num_input_photos()
        if not num_photos:
            return tr("Pretrain")
        text = tr("Learn the noise of {photos}") if self.learns_own_noise else tr("Pretrain on {photos}")
        return text.format(photos=count_photos(num_photos))

    def num_input_photos(self) -> int:
        return self.session.num_pages

    def result_text(self, result: TrainingResult) -> str:
        if "estimated_gain" not in result.metrics:
            return tr("It can restore photos now; how well, the Compare page shows.")
        # By what the run itself says: a resumed one may have been started in another session.
        parent = Run(result.run).record.parent
        is_from_starter = any(starter.title == parent for starter in self.session.starters)
        run = next((entry for entry in self.session.run_catalog.runs if entry.record.id == parent), None)
        name = run.record.name if run is not None else ""
        return gain_text(result.metrics, is_from_starter=is_from_starter, parent=name)


class PretrainPage(TrainingPage):
    """Presets, settings, and the running pretraining."""

    page_id = "pretrain"
    title = mark("Pretrain")
    icon_name = "brain"
    tip = mark("Learn from your photos, without any clean one (self-supervised pretraining)")
    inputs: PretrainInputs

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(PretrainInputs(session, runner, settings), parent)
