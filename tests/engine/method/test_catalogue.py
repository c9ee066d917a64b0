"""What rows of the catalogue say is true of what they name."""

import numpy as np
import pytest
import torch

from engine.comparing.baselines.catalogue import BASELINES
from engine.contracts.errors import InvalidInputError
from engine.method.backbones.backbone import Backbone
from engine.method.catalogue.backbones import BACKBONES
from engine.method.catalogue.pretexts import PRETEXTS
from engine.method.catalogue.rows import Table
from engine.method.catalogue.tasks import TASKS
from engine.method.factory import make_backbone, make_pretext, make_task
from engine.method.pretext.pretext_task import PretextTask
from engine.method.tasks.restoration_task import RestorationTask


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_what_its_row_says(name: str) -> None:
    row, task = TASKS[name], make_task(name, {})
    assert isinstance(task, RestorationTask)
    assert task.scale == row.scale
    clean = np.random.default_rng(0).random((24, 24, 3), np.float32)
    tensor = torch.from_numpy(clean).permute(2, 0, 1)[None]
    assert (task.measure(tensor).shape[1] == 1) == row.takes_mosaics
    assert (task.add_head(make_backbone("unet", {})).input_channels == 1) == row.takes_mosaics
    # Clean photos teach only where something is done to them.
    made = task.make_noisy(clean)
    observed = task.observe(torch.from_numpy(made.copy()).permute(2, 0, 1)[None], torch.Generator().manual_seed(0))
    is_changed = observed.shape != tensor.shape or not torch.equal(observed, tensor)
    assert is_changed == row.makes_own_pairs
    for params in (row.own_pairs_params, row.same_size_params):
        row.validate(params)


@pytest.mark.parametrize("name", PRETEXTS)
def test_a_pretext_is_made_once_its_stride_is_known(name: str) -> None:
    row = PRETEXTS[name]
    assert isinstance(make_pretext(name, row.with_stride({}, 2)), PretextTask)
    if row.leaves_stride_open({}):
        assert row.with_stride({"stride": 0}, 2) == {"stride": 2}
        assert row.with_stride({"stride": 3}, 2) == {"stride": 3}
    else:
        assert row.with_stride({}, 2) == {}


@pytest.mark.parametrize("name", BACKBONES)
def test_a_network_is_one(name: str) -> None:
    assert isinstance(make_backbone(name, {}), Backbone)


@pytest.mark.parametrize("table", [BACKBONES, BASELINES, PRETEXTS, TASKS], ids=lambda table: table.kind)
def test_a_name_that_is_not_there_is_a_sentence(table: Table[object]) -> None:
    with pytest.raises(InvalidInputError, match=f"no {table.kind} called 'nothing'") as caught:
        table.find("nothing")
    assert all(name in caught.value.hint for name in table)
