"""The pages, in the order of the rail: one row adds one."""

from app.pages.compare import ComparePage
from app.pages.finetune import FinetunePage
from app.pages.labels import LabelsPage
from app.pages.page import Page
from app.pages.photos import PhotosPage
from app.pages.pretrain import PretrainPage
from app.pages.restore import RestorePage
from app.pages.runs import RunsPage

PAGE_CLASSES: tuple[type[Page], ...] = (
    PhotosPage,
    PretrainPage,
    LabelsPage,
    FinetunePage,
    RestorePage,
    ComparePage,
    RunsPage,
)
