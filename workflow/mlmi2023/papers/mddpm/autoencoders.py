"""VAE, sequential VAE and denoising autoencoder, on MONAI's networks; slices (B, 1, H, W) in [0, 1]."""

from collections.abc import Sequence

import torch
from monai.networks.nets import BasicUNet, VarAutoEncoder
from torch import Tensor, nn

from mlmi2023.papers.mddpm.options import Autoencoder, Dae, Svae, Vae

GROUPS = 4  # of the normalisation


def _vae(keys: Autoencoder, size: Sequence[int]) -> VarAutoEncoder:
    return VarAutoEncoder(
        spatial_dims=2,
        in_shape=(1, *size),
        out_channels=1,
        latent_size=keys.latent,
        channels=keys.channels,
        strides=[2] * len(keys.channels),
        # no statistics over a batch, whose slices may be neighbours, nor over other scanners than the tested
        norm=("group", {"num_groups": GROUPS}),
        act="leakyrelu",
    )


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of N(mean, variance) from N(0, 1), a mean over the batch.

    Args:
        mean: (B, L).
        log_variance: the same shape.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1).mean()


def coded(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Draw a code."""
    return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)


class SliceVae(nn.Module):
    """VAE of single slices (Baur et al. 2021)."""

    def __init__(self, keys: Vae, size: Sequence[int]) -> None:
        super().__init__()
        self.vae, self.kl = _vae(keys.net, size), keys.kl

    def loss(self, image: Tensor) -> Tensor:
        """Return mean absolute error plus weighted divergence, of slices (B, 1, H, W)."""
        mean, log_variance = self.vae.encode_forward(image)
        found = self.vae.decode_forward(coded(mean, log_variance))
        return (found - image).abs().mean() + self.kl * divergence(mean, log_variance)

    def healthy(self, image: Tensor) -> Tensor:
        """Return the reconstruction from the mean code, (B, 1, H, W)."""
        mean, _ = self.vae.encode_forward(image)
        return self.vae.decode_forward(mean)


class SequentialVae(nn.Module):
    """VAE whose codes know the neighbouring slices (Behrendt et al. 2022)."""

    def __init__(self, keys: Svae, size: Sequence[int]) -> None:
        super().__init__()
        self.vae, self.kl, self.slices = _vae(keys.net, size), keys.kl, keys.slices
        features = self.vae.mu.in_features
        self.reader = nn.GRU(features, keys.hidden, batch_first=True, bidirectional=True)
        self.vae.mu = nn.Linear(2 * keys.hidden, keys.net.latent)
        self.vae.logvar = nn.Linear(2 * keys.hidden, keys.net.latent)

    def _codes(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and log variances (B * S, L) of sequences (B, S, 1, H, W)."""
        batch, count = image.shape[:2]
        features = self.vae.intermediate(self.vae.encode(image.flatten(0, 1))).flatten(1)
        read, _ = self.reader(features.view(batch, count, -1))
        flat = read.flatten(0, 1)
        return self.vae.mu(flat), self.vae.logvar(flat)

    def loss(self, image: Tensor) -> Tensor:
        """Return mean absolute error plus weighted divergence, of sequences (B, S, 1, H, W)."""
        mean, log_variance = self._codes(image)
        found = self.vae.decode_forward(coded(mean, log_variance))
        return (found - image.flatten(0, 1)).abs().mean() + self.kl * divergence(mean, log_variance)

    def healthy(self, image: Tensor) -> Tensor:
        """Return the reconstruction of the consecutive slices of one head, (S, 1, H, W).

        They are read in pieces as long as those of training; the last piece ends with the head.
        """
        found = torch.empty_like(image)
        for start in range(0, len(image), self.slices):
            own = slice(max(0, min(start, len(image) - self.slices)), start + self.slices)
            mean, _ = self._codes(image[None, own])
            found[own] = self.vae.decode_forward(mean)
        return found


class DenoisingUnet(nn.Module):
    """U-Net that takes coarse noise out of slices (Kascenas et al. 2022)."""

    def __init__(self, keys: Dae) -> None:
        super().__init__()
        self.unet = BasicUNet(
            2, 1, 1, keys.net.features, norm=("group", {"num_groups": GROUPS}), upsample="deconv"
        )
        self.cells, self.spread = keys.noise.cells, keys.noise.spread

    def noised(self, image: Tensor, brain: Tensor) -> Tensor:
        """Add coarse Gaussian noise in the brain, shifted at random."""
        cells = torch.randn(len(image), 1, self.cells, self.cells, device=image.device) * self.spread
        coarse = nn.functional.interpolate(cells, image.shape[2:], mode="bilinear", align_corners=False)
        moves = [int(torch.randint(side, ())) for side in image.shape[2:]]
        return image + coarse.roll(moves, (2, 3)) * brain

    def loss(self, image: Tensor, brain: Tensor) -> Tensor:
        """Return the mean squared error against the clean slice."""
        return (self.unet(self.noised(image, brain)) - image).square().mean()

    def healthy(self, image: Tensor) -> Tensor:
        """Return what is left of the slice; no noise is added."""
        return self.unet(image).clamp(0, 1)  # type: ignore[no-any-return]
