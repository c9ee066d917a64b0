"""The pages, in the order of the rail: one row adds one."""

from app.pages.compare.page import ComparePage
from app.pages.labels.page import LabelsPage
from app.pages.photos.page import PhotosPage
from app.pages.restore.page import RestorePage
from app.pages.runs.page import RunsPage
from app.pages.shared.page import Page
from app.pages.training.finetune import FinetunePage
from app.pages.training.pretrain import PretrainPage

PAGE_CLASSES: tuple[type[Page], ...] = (
    PhotosPage,
    PretrainPage,
    LabelsPage,
    FinetunePage,
    RestorePage,
    ComparePage,
    RunsPage,
)
