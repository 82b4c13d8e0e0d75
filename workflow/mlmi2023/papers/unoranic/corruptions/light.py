"""Corruptions that change each pixel by itself, with the ranges of Albumentations 1.3.

Each function takes images (B, C, H, W) float, 0 to 255, numbers (B, NUMBERS) in [0, 1) and, where it needs
one for each pixel, grain in [0, 1); it returns images, which the caller clips and rounds.
"""

import math

import torch
from torch import Tensor

#: of gaussian noise, in levels squared
VARIANCE = (10.0, 50.0)
#: share of pixels that are lost
LOST = 0.01
#: changes by up to so much, either way: jitter, its hue as a share of the circle, light and contrast
JITTER, HUE, LIGHT = 0.2, 0.2, 0.2
MULTIPLIER, GAMMA = (0.9, 1.1), (0.8, 1.2)
#: values from here on are turned over
SOLAR = 128
#: weights of red, green and blue in a grey
GREY = (0.299, 0.587, 0.114)


def spread(u: Tensor, low: float, high: float) -> Tensor:
    """Return numbers (B,) in [0, 1) stretched to a range, for images: (B, 1, 1, 1)."""
    return (low + (high - low) * u)[:, None, None, None]


def pixel_dropout(x: Tensor, u: Tensor, grain: Tensor) -> Tensor:
    """Blacken pixels, all channels at once; grain is (B, 1, H, W)."""
    return torch.where(grain < LOST, torch.zeros_like(x), x)


def gaussian_noise(x: Tensor, u: Tensor, grain: Tensor) -> Tensor:
    """Add noise, to each channel its own; grain is (B, C, H, W)."""
    normal = math.sqrt(2) * torch.erfinv((2 * grain - 1).clamp(-0.999999, 0.999999))
    return x + spread(u[:, 0], *VARIANCE).sqrt() * normal


def multiplicative_noise(x: Tensor, u: Tensor, grain: Tensor) -> Tensor:
    """Multiply the whole image."""
    return x * spread(u[:, 0], *MULTIPLIER)


def invert(x: Tensor, u: Tensor, grain: Tensor) -> Tensor:
    """Turn all values over."""
    return 255 - x


def solarize(x: Tensor, u: Tensor, grain: Tensor) -> Tensor:
    """Turn the bright values over."""
    return torch.where(x >= SOLAR, 255 - x, x)


def gamma(x: Tensor, u: Tensor, grain: Tensor) -> Tensor:
    """Raise values to a power."""
    return 255 * (x / 255) ** spread(u[:, 0], *GAMMA)


def brightness_contrast(x: Tensor, u: Tensor, grain: Tensor) -> Tensor:
    """Stretch values from black, and shift them."""
    return x * spread(u[:, 0], 1 - LIGHT, 1 + LIGHT) + 255 * spread(u[:, 1], -LIGHT, LIGHT)


def colour_jitter(x: Tensor, u: Tensor, grain: Tensor) -> Tensor:
    """Change brightness, contrast and, in colour, saturation and hue, in this order."""
    bright, contrast, colourful = (spread(u[:, k], 1 - JITTER, 1 + JITTER) for k in range(3))
    x = (x * bright).clamp(0, 255)
    grey = _grey(x)
    mean = grey.mean((2, 3), keepdim=True)
    x = (mean + contrast * (x - mean)).clamp(0, 255)
    if x.shape[1] == 1:
        return x
    grey = _grey(x)
    x = (grey + colourful * (x - grey)).clamp(0, 255)
    # the hue turns about the line of greys
    angle = spread(u[:, 3], -2 * math.pi * HUE, 2 * math.pi * HUE)
    mean = x.mean(1, keepdim=True)
    across = (x.roll(1, 1) - x.roll(-1, 1)) / math.sqrt(3)
    return mean + (x - mean) * torch.cos(angle) + across * torch.sin(angle)


def _grey(x: Tensor) -> Tensor:
    if x.shape[1] == 1:
        return x
    return (x * x.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)
