"""The procedure of the NN+BM3D+T paper, implemented plainly.

Float32, PyTorch's default layout, 60 steps an epoch on 128 patches of 32x32, the low-rank
step every 200 steps and the prior once an epoch. The prior is this plugin's BM3D, several
times as fast as the authors' package, so that the ratio is not of implementations of BM3D.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate, max_pool2d

from napari_selfdenoise.core.events import finish
from napari_selfdenoise.data.noise_level import estimate_sigma
from napari_selfdenoise.nn.unet import UNet
from napari_selfdenoise.solvers.bm3d import bm3d
from napari_selfdenoise.solvers.tucker import make_low_rank

Array = np.ndarray[Any, Any]

STEPS, BATCH, PATCH, LOW_RANK_EVERY = 60, 128, 32, 200
RHO, ETA, RATE = 100.0, 0.5, 0.01


class PlainUNet(UNet):
    """The same network, without the plugin's care for the layout of its features."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the output for `image`, (B, C, Y, X)."""
        skipped = [image]
        features = image
        for convolution in self.encoder[:-1]:
            features = max_pool2d(torch.relu(convolution(features)), 2)
            skipped.append(features)
        features = torch.relu(self.encoder[-1](skipped.pop()))
        for block in self.decoder:
            features = interpolate(features, scale_factor=2, mode="nearest")
            features = block(torch.cat([features, skipped.pop()], 1))
        output: torch.Tensor = self.output(features)
        return output


class Plain:
    """Algorithm 1 of the paper, one epoch at a time."""

    def __init__(self, image: Array) -> None:
        torch.manual_seed(0)
        self.rng = np.random.default_rng(0)
        self.noisy = ((image - image.mean()) / image.std()).astype(np.float32)
        self.weight = 1 / estimate_sigma(self.noisy) ** 2
        self.auxiliary, self.dual = self.noisy, np.zeros_like(self.noisy)
        self.network = PlainUNet(1)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=RATE)

    def batch(self) -> torch.Tensor:
        """Return turned and mirrored patches of Y, M and A, (128, 3, 32, 32)."""
        stack = np.stack([self.noisy, self.auxiliary, self.dual])
        height, width = self.noisy.shape
        patches = []
        for _ in range(BATCH):
            top, left = self.rng.integers((height - PATCH + 1, width - PATCH + 1))
            patch = stack[:, top : top + PATCH, left : left + PATCH]
            patch = np.rot90(patch, self.rng.integers(4), (1, 2))
            patches.append(patch[..., ::-1] if self.rng.integers(2) else patch)
        return torch.from_numpy(np.stack(patches))

    def step(self) -> None:
        """Follow the gradient once."""
        noisy, auxiliary, dual = self.batch().split(1, 1)
        estimate = self.network(noisy)
        loss = self.weight / 2 * (noisy - estimate).square().mean()
        loss = loss + RHO / 2 * (estimate + dual - auxiliary).square().mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()

    def turn(self) -> None:
        """End an epoch: X, M and A of the whole image."""
        with torch.no_grad():
            estimate = self.network(torch.from_numpy(self.noisy)[None, None])[0, 0].numpy()
        mixed = estimate + self.dual
        prior = bm3d(torch.from_numpy(mixed), estimate_sigma(mixed))
        self.auxiliary = finish(prior).numpy()
        self.dual = self.dual + np.float32(ETA) * (estimate - self.auxiliary)

    def seconds(self, timed: int, epochs: int) -> float:
        """Time some epochs and a low-rank step, after a warm-up, and scale to all of them."""
        for _ in range(3):
            self.step()
        begun = time.perf_counter()
        for _ in range(timed):
            for _ in range(STEPS):
                self.step()
            self.turn()
        an_epoch = (time.perf_counter() - begun) / timed
        begun = time.perf_counter()
        make_low_rank(self.network)
        low_rank = time.perf_counter() - begun
        return epochs * (an_epoch + low_rank * STEPS / LOW_RANK_EVERY)
