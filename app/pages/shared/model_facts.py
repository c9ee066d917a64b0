"""A model's card in plain words: what it does, what it learned from, how large it is."""

from app.look import phrases
from app.look.translation import plain_number, tr, tr_count, translate_engine
from engine.method.catalogue.tasks import TASKS
from engine.models.cards import ModelCard, ModelSummary

_MAX_NAMES = 6


def model_facts(summary: ModelSummary) -> dict[str, str]:
    """Return what a person reads before using a model, by name."""
    card = summary.card
    task = TASKS.get(card.task)
    steps = tr("{number} steps").format(number=phrases.number(card.steps)) if card.steps else ""
    return {
        tr("Name"): card.name,
        tr("What it does"): " – ".join(
            translate_engine(text) for text in ((task.title, card.description or task.description) if task else ())
        )
        or card.task,
        tr("Learned from"): learned_from(card),
        tr("Learned for"): steps,
        tr("Learned without labels by"): card.pretext or "",
        tr("Started from"): card.parent or card.starter or "",
        tr("Network"): tr("{name}, {number} weights").format(
            name=_network(card), number=phrases.number(summary.num_parameters)
        ),
        tr("Size"): phrases.file_size(summary.num_bytes),
        tr("Made"): phrases.date_and_time(card.created) if card.created else "",
        tr("Made with"): tr("Residua {version}").format(version=card.version) if card.version else "",
    }


def learned_from(card: ModelCard) -> str:
    """Say which clean references taught a model, as far as its card tells."""
    # A refined model notes its gain there, and has learned from one's own photos.
    if card.training.keys() - {"gain"}:
        pictures = card.training.get("pictures")
        if isinstance(pictures, list | tuple) and pictures:
            text = tr_count("{number} free picture", "{number} free pictures", len(pictures))
            return text.format(number=phrases.number(len(pictures)))
        return tr("Free pictures with simulated noise")
    if not card.labels:
        return tr("Noisy photos alone, without clean references")
    shown = ", ".join(card.labels[:_MAX_NAMES]) + (" …" if len(card.labels) > _MAX_NAMES else "")
    text = tr_count("{number} label: {names}", "{number} labels: {names}", len(card.labels))
    return text.format(number=phrases.number(len(card.labels)), names=shown)


def _network(card: ModelCard) -> str:
    settings = ", ".join(f"{name} {plain_number(value)}" for name, value in card.backbone_params.items())
    return f"{card.backbone} ({settings})" if settings else card.backbone
