"""f-AnoGAN (Schlegl et al. 2019): a Wasserstein GAN with gradient penalty, and an encoder into its codes."""

from collections.abc import Sequence

import torch
from monai.networks.nets import Generator, Regressor
from torch import Tensor, nn

from mlmi2023.papers.mddpm.options import FAnoGan


class FAnoGanNets(nn.Module):
    """Generator, critic and encoder; all three are kept after each stage."""

    def __init__(self, keys: FAnoGan, size: Sequence[int]) -> None:
        super().__init__()
        channels, self.latent = keys.net.channels, keys.net.latent
        self.penalty, self.features = keys.penalty, keys.features
        strides = [2] * len(channels)
        first = (channels[-1], *(side // 2 ** len(channels) for side in size))
        up = (*channels[-2::-1], 1)
        self.generator = Generator((self.latent,), first, up, strides, norm="batch", num_res_units=1)
        # the penalty is on each image's own gradient: no statistics over the batch
        self.critic = Regressor((1, *size), (1,), channels, strides, norm="instance", num_res_units=1)
        self.encoder = Regressor((1, *size), (self.latent,), channels, strides, norm="batch", num_res_units=1)

    def codes(self, count: int, device: torch.device) -> Tensor:
        """Draw codes (count, L)."""
        return torch.randn(count, self.latent, device=device)

    def made(self, codes: Tensor) -> Tensor:
        """Return the slices of codes, (B, 1, H, W) in [0, 1]."""
        return torch.sigmoid(self.generator(codes))

    def critic_loss(self, real: Tensor, made: Tensor) -> Tensor:
        """Return the Wasserstein loss of the critic with its penalty (Gulrajani et al. 2017)."""
        share = torch.rand(len(real), 1, 1, 1, device=real.device)
        between = (share * real + (1 - share) * made).requires_grad_(True)
        (slope,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        steep = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        return self.critic(made).mean() - self.critic(real).mean() + self.penalty * steep

    def encoder_loss(self, image: Tensor) -> Tensor:
        """Return the loss of the encoder: image and features of the critic come back (izi_f)."""
        found = self.made(self.encoder(image))
        features = (self.critic.net(found) - self.critic.net(image)).square().mean()
        return (found - image).square().mean() + self.features * features

    def healthy(self, image: Tensor) -> Tensor:
        """Return the reconstruction, (B, 1, H, W)."""
        return self.made(self.encoder(image))


def sliced_distance(some: Tensor, others: Tensor, directions: int = 128) -> Tensor:
    """Return the sliced Wasserstein distance of two sets of images, along fixed random directions.

    Args:
        some: (N, 1, H, W).
        others: the same shape.
        directions: that are looked along.
    """
    draw = torch.Generator().manual_seed(0)
    ways = torch.randn(some[0].numel(), directions, generator=draw).to(some.device)
    ways = ways / ways.norm(dim=0)
    first, second = ((images.flatten(1) @ ways).sort(dim=0).values for images in (some, others))
    return (first - second).abs().mean()
