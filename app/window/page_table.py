"""The pages, in the order of the rail: one row adds one."""

from app.look.translation import mark
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
    RestorePage,
    ComparePage,
    PretrainPage,
    LabelsPage,
    FinetunePage,
    RunsPage,
)

RAIL_GROUPS = {PretrainPage.page_id: mark("Teach"), RunsPage.page_id: ""}
"""Where the rail begins a new group, and what it is called; "" draws a line alone."""
