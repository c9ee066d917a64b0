"""Models that are quick to compute, for tests of what is done with any."""

from pathlib import Path

import torch

from engine.models.files import ModelCard, build_network, save_model
from engine.models.starters import StarterModel


def make_starter(folder: Path, name: str, task: str) -> StarterModel:
    """Write a tiny model with its card, as `assets/starters/train.py` does."""
    path = folder / f"{name}.safetensors"
    params = {"width": 8, "num_levels": 2, "max_width": 16}
    card = ModelCard(name=name, task=task, backbone="unet", backbone_params=params, description="x", starter=name)
    save_model(path, build_network(card).state_dict(), card)
    path.with_suffix(".json").write_text(card.model_dump_json(), encoding="utf-8")
    return StarterModel(name=name, title=name, description=card.description, task=task, path=path)


def make_model(path: Path, *, change: float = 0.02, **fields: object) -> Path:
    """Write a tiny denoiser that has learned nothing; its weights are changed, so that it does not hand photos back."""
    torch.manual_seed(0)
    card = ModelCard(**{"name": "Tiny", "backbone": "unet", "backbone_params": {"width": 8, "num_levels": 2}} | fields)
    network = build_network(card).state_dict()
    save_model(path, {name: value + change * torch.randn_like(value) for name, value in network.items()}, card)
    return path
