"""Super-resolution: the bicubic operator against MATLAB's own results and Pillow, the network's tiles, the task."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from engine.method.backbones.unet import UNet
from engine.method.catalogue.backbones import UNetParams
from engine.method.factory import make_task
from engine.method.tasks.super_resolution import (
    BicubicEnlargement,
    BicubicShrinking,
    SuperResolution,
    SuperResolutionNetwork,
    SuperResolutionParams,
)
from engine.photo_files.bicubic_resize import cubic, enlarge, shrink, shrinking_reach_px, shrinking_weights
from engine.photo_files.photos import read_image

SCALES = (2, 3, 4)


def random_photo(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0.3, 0.7, (height, width, 3)).astype(np.float32)


def as_tensor(pixels: NDArray[np.float32]) -> torch.Tensor:
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1).unsqueeze(0)


def as_pixels(tensor: torch.Tensor) -> NDArray[np.float32]:
    return tensor.detach()[0].permute(1, 2, 0).numpy()


def tiny_network(factor: int, *, enlarged_input: bool, shuffle: int = 2) -> SuperResolutionNetwork:
    torch.manual_seed(0)
    backbone = UNet(UNetParams(width=8, num_levels=2, max_width=16, shuffle=shuffle))
    network = SuperResolutionNetwork(backbone, factor, enlarged_input=enlarged_input)
    for head in (network.head, backbone.head):
        nn.init.normal_(head.weight, std=0.1)
    return network.eval()


def test_cubic_has_the_nodes_of_keys() -> None:
    assert cubic(np.array([0.0, 0.5, -0.5, 1.0, 1.5, 2.0, 3.0])) == pytest.approx(
        [1, 0.5625, 0.5625, 0, -0.0625, 0, 0], abs=1e-12
    )


@pytest.mark.parametrize("scale", SCALES)
def test_shrinking_is_matlabs(shared_data: Path, scale: int) -> None:
    def shrunk_by_matlab(levels: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        lines = np.moveaxis(levels, axis, 0)
        length, reach = lines.shape[0] // scale * scale, shrinking_reach_px(scale)
        padded = np.pad(lines[:length], ((reach, reach), (0, 0), (0, 0)), mode="symmetric")
        weighted = [weight * padded[k : k + length : scale] for k, weight in enumerate(shrinking_weights(scale))]
        # MATLAB rounds to 8 bits, and clips, after each of the two passes.
        return np.moveaxis(np.floor(np.sum(weighted, axis=0) + 0.5).clip(0, 255), 0, axis)

    folder = shared_data / "clean_color" / "set5"
    for path in sorted((folder / "HR").iterdir()):
        expected = np.rint(255 * read_image(folder / "LR_bicubic" / f"X{scale}" / f"{path.stem}x{scale}.png").pixels)
        pixels = read_image(path).pixels
        levels = np.rint(255 * pixels).astype(np.float64)
        np.testing.assert_array_equal(shrunk_by_matlab(shrunk_by_matlab(levels, 0), 1), expected)
        found = shrink(pixels, scale)
        assert found.shape == expected.shape
        difference = np.abs(np.rint(found * 255) - expected)
        # Two levels are the clipping between the passes, at a few edges next to black or white.
        assert difference.max() <= 2
        assert (difference > 1).mean() < 1e-4


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", [(24, 36), (24, 60)])
def test_resizing_is_pillows_inside(scale: int, size: tuple[int, int]) -> None:
    def resized(pixels: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
        planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(pixels, 2, 0)]
        cubic = Image.Resampling.BICUBIC
        return np.dstack([np.asarray(plane.resize((width, height), cubic)) for plane in planes])

    height, width = size
    photo = random_photo(height, width)
    small = resized(photo, height // scale, width // scale)
    # Beyond the border Pillow leaves samples out where MATLAB continues by the mirror image.
    inner = np.s_[2:-2, 2:-2]
    np.testing.assert_allclose(shrink(photo, scale)[inner], small[inner], atol=2e-6)
    border = 2 * scale
    large = resized(photo, scale * height, scale * width)
    inside = np.s_[border:-border, border:-border]
    np.testing.assert_allclose(enlarge(photo, scale)[inside], large[inside], atol=2e-6)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 3), (13, 8)])
def test_tensors_and_photos_are_resized_alike(scale: int, size: tuple[int, int]) -> None:
    small = random_photo(*size)
    large = enlarge(small, scale)
    assert large.shape == (scale * size[0], scale * size[1], 3)
    np.testing.assert_allclose(as_pixels(BicubicEnlargement(scale)(as_tensor(small))), large, atol=2e-6)
    np.testing.assert_allclose(as_pixels(BicubicShrinking(scale)(as_tensor(large))), shrink(large, scale), atol=2e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_gray_keeps_one_channel_and_a_flat_photo_its_brightness(scale: int) -> None:
    flat = np.full((7, 9, 1), 0.25, np.float32)
    for result in (enlarge(flat, scale), shrink(flat, scale)):
        assert result.shape[2] == 1
        np.testing.assert_allclose(result, 0.25, atol=1e-6)
    # What fills no whole pixel is cut off.
    assert shrink(flat, scale).shape == (7 // scale, 9 // scale, 1)


@pytest.mark.parametrize("scale", SCALES)
def test_both_operators_are_differentiable(scale: int) -> None:
    generator = torch.Generator().manual_seed(0)
    for operator, size in ((BicubicShrinking(scale), 3 * scale), (BicubicEnlargement(scale), 3)):
        photo = torch.rand(1, 1, size, size, generator=generator, requires_grad=True)
        target = torch.rand(operator(photo).shape, generator=generator)
        (operator(photo) * target).sum().backward()
        assert photo.grad is not None
        # A linear map moves the sum along a direction by the gradient's product with it.
        direction = torch.rand(photo.shape, generator=generator)
        moved = (operator(photo + direction) * target).sum() - (operator(photo) * target).sum()
        assert (photo.grad * direction).sum().item() == pytest.approx(moved.item(), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("enlarged_input", [False, True])
@pytest.mark.parametrize("factor", SCALES)
def test_any_size_is_kept(factor: int, enlarged_input: bool) -> None:
    network = tiny_network(factor, enlarged_input=enlarged_input)
    assert network.scale == (1 if enlarged_input else factor)
    for height, width in ((1, 1), (5, 7), (18, 31)):
        with torch.inference_mode():
            restored = network(torch.rand(2, 3, height, width))
        assert restored.shape == (2, 3, network.scale * height, network.scale * width)


@pytest.mark.parametrize("enlarged_input", [False, True])
@pytest.mark.parametrize("factor", SCALES)
def test_without_trained_heads_it_is_bicubic_enlargement(factor: int, enlarged_input: bool) -> None:
    backbone = UNet(UNetParams(width=8, num_levels=2, max_width=16, shuffle=2))
    network = SuperResolutionNetwork(backbone, factor, enlarged_input=enlarged_input)
    photo = random_photo(12, 20)
    with torch.inference_mode():
        restored = as_pixels(network(as_tensor(photo)))
    expected = photo if enlarged_input else enlarge(photo, factor)
    np.testing.assert_allclose(restored, expected, atol=2e-6)


@pytest.mark.parametrize("enlarged_input", [False, True])
@pytest.mark.parametrize("factor", SCALES)
def test_nothing_beyond_the_context_matters(factor: int, enlarged_input: bool) -> None:
    network = tiny_network(factor, enlarged_input=enlarged_input).double()
    context, grid = network.context_px, network.alignment_px
    start = -(-context // grid) * grid
    side = start + grid + context
    photo = torch.rand(1, 3, side, side, dtype=torch.double, requires_grad=True)
    cell = slice(network.scale * start, network.scale * (start + grid))
    network(photo)[..., cell, cell].abs().sum().backward()
    assert photo.grad is not None
    reached = photo.grad[0].abs().sum(dim=(0, 1)).nonzero()
    assert int(reached.min()) >= start - context
    assert int(reached.max()) < start + grid + context


@pytest.mark.parametrize("enlarged_input", [False, True])
def test_the_noise_comes_off_before_the_enlargement(enlarged_input: bool) -> None:
    network = tiny_network(2, enlarged_input=enlarged_input)
    nn.init.zeros_(network.head.weight)
    photo = random_photo(16, 16)
    with torch.inference_mode():
        restored = as_pixels(network(as_tensor(photo)))
        if enlarged_input:
            small = network.shrinking(as_tensor(photo)) if network.shrinking is not None else None
            assert small is not None
            expected = as_pixels(as_tensor(photo) - network.enlargement(small - network.backbone(small)))
        else:
            expected = as_pixels(network.enlargement(network.backbone(as_tensor(photo))))
    np.testing.assert_allclose(restored, expected, atol=1e-5)


@pytest.mark.parametrize("enlarged_input", [False, True])
@pytest.mark.parametrize("factor", SCALES)
def test_shapes_of_the_task_fit_together(factor: int, enlarged_input: bool) -> None:
    task = make_task(f"sr{factor}", {"enlarged_input": enlarged_input, "noise_sigma": 20})
    clean = random_photo(8 * factor + 1, 8 * factor + 1)
    noisy = task.make_noisy(clean)
    assert noisy.shape == (8 * factor // task.scale, 8 * factor // task.scale, 3)
    assert not noisy.flags.writeable
    cropped = as_tensor(clean[: 8 * factor, : 8 * factor])
    np.testing.assert_allclose(
        as_pixels(task.measure(cropped)), task.make_noisy(clean[: 8 * factor, : 8 * factor]), atol=1e-5
    )
    generator = torch.Generator().manual_seed(0)
    observed = task.observe(as_tensor(noisy), generator)
    network = task.add_head(UNet(UNetParams(width=8, num_levels=2, max_width=16, shuffle=2)))
    assert network(observed).shape == cropped.shape
    assert task.measured(network)(observed).shape == observed.shape


def test_added_noise_has_the_asked_strength_at_most_and_leaves_some_crops_alone() -> None:
    task = SuperResolution(SuperResolutionParams(noise_sigma=25), 2)
    gray = torch.full((200, 3, 24, 24), 0.5)
    noise = task.observe(gray, torch.Generator().manual_seed(3)) - gray
    sigmas = 255 * noise.flatten(1).std(dim=1)
    assert 0.15 < float((sigmas == 0).double().mean()) < 0.35
    assert 20 < float(sigmas.max()) < 27
    again = task.observe(gray, torch.Generator().manual_seed(3)) - gray
    assert torch.equal(noise, again)
    assert SuperResolution(SuperResolutionParams(), 2).observe(gray, torch.Generator()) is gray


def test_noise_grows_with_brightness_in_part() -> None:
    task = SuperResolution(SuperResolutionParams(noise_sigma=10), 2)
    photos = torch.full((200, 3, 16, 32), 0.2)
    photos[..., 16:] = 0.8
    noise = task.observe(photos, torch.Generator().manual_seed(5)) - photos
    dark, bright = noise[..., :16].pow(2).mean(), noise[..., 16:].pow(2).mean()
    # The share that grows is uniform: on average variances of 0.7 and 1.3 times that of mid-gray.
    assert float(bright / dark) == pytest.approx(1.3 / 0.7, rel=0.15)
