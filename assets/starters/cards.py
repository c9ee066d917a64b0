"""Writes a starter model with its cards: one for programs, one for people."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pictures import Picture
from torch import Tensor

from engine.contracts.errors import InvalidInputError
from engine.machine.atomic_files import write_bytes_atomically
from engine.models.files import ModelCard, save_model

LARGEST_BYTES = 10_000_000

_GPL_NOTE = (
    "Some pictures are under the GPL or the LGPL, others ask to be shared alike. Whether a network's weights are a "
    "work derived from the pictures that it learned from has not been settled by law; whoever must be sure trains "
    "without them: `pictures.py` names the licence of each."
)


def write_cards(
    out: Path, weights: dict[str, Tensor], card: ModelCard, teaching: Sequence[Picture], held_out: Sequence[Picture]
) -> None:
    """Write `out`, and beside it the same name as `.json` and `.md`.

    Args:
        out: The model file.
        weights: The averaged weights.
        card: With its `training` filled in, but for the pictures.
        teaching: The pictures it learned from.
        held_out: The pictures it was measured on.

    Raises:
        InvalidInputError: The model is larger than the 10 MB that may ship.
        ModelFileError: It cannot be written.
    """
    licences = Counter(picture.licence for picture in teaching)
    listed = [
        {"file": f"{picture.package}: {picture.file}", "author": picture.author, "licence": picture.licence}
        | ({"source": picture.source} if picture.source else {})
        for picture in teaching
    ]
    training = {**card.training, "licences": dict(licences.most_common()), "pictures": listed}
    card = card.model_copy(
        update={"created": datetime.now(UTC).isoformat(timespec="seconds"), "starter": out.stem, "training": training}
    )
    save_model(out, weights, card)
    if out.stat().st_size > LARGEST_BYTES:
        raise InvalidInputError(
            f"{out.name} has {out.stat().st_size / 1e6:.1f} MB; 10 MB may ship.", "Choose a smaller network."
        )
    text = json.dumps(card.model_dump(mode="json"), indent=1, ensure_ascii=False)
    write_bytes_atomically(out.with_suffix(".json"), (text + "\n").encode())
    write_bytes_atomically(out.with_suffix(".md"), describe(card, teaching, held_out).encode())


def describe(card: ModelCard, teaching: Sequence[Picture], held_out: Sequence[Picture]) -> str:
    """The card for people, as Markdown."""
    training = card.training
    rows = [
        f"| {name} | {values['input']:.2f} | {values['restored']:.2f} |" for name, values in training["figures"].items()
    ]
    pictures = [
        f"| {picture.package} | {picture.file} | {picture.author} | {picture.licence} | {picture.source} |"
        for picture in (*teaching, *held_out)
    ]
    lines = [
        f"# {card.name}",
        "",
        card.description,
        "",
        f"Network: {card.backbone} {json.dumps(card.backbone_params)}. Trained by `{training['command']}`: "
        f"{training['steps']:,} steps, {training['gigapixels']:.2f} gigapixels ({_stages(training)}), seed "
        f"{training['seed']}; {training['hours']:.1f} hours in {training['pieces']} pieces beside other work, "
        f"{training['cpu_hours']:.1f} hours of processor time ({training['machine']}), Residua {card.version}.",
        *([f"Started from: {training['parent']}."] if training["parent"] else []),
        "",
        "## Figures",
        "",
        f"Mean PSNR in dB on {len(held_out)} held-out free pictures; the noise is seeded.",
        "",
        "| condition | input | restored |",
        "| --- | --- | --- |",
        *rows,
        "",
        "## Pictures",
        "",
        f"{len(teaching)} pictures taught: "
        + ", ".join(f"{count} {licence}" for licence, count in training["licences"].items())
        + ". The last "
        + f"{len(held_out)} of the list only measured. {_GPL_NOTE}",
        "",
        "| package | file | author | licence | source |",
        "| --- | --- | --- | --- | --- |",
        *pictures,
    ]
    return "\n".join(lines) + "\n"


def _stages(training: Mapping[str, Any]) -> str:
    """The schedule in words."""
    parts = []
    for stage in training["stages"]:
        loss = "mean absolute error" if not stage["psnr_share"] else f"{100 * stage['psnr_share']:g} % PSNR"
        parts.append(f"{stage['steps']:,} steps of {stage['batch']} crops of {stage['crop_px']} pixels, {loss}")
    return "; ".join(parts)
