"""Names of corruptions: those of training, and those that no training has seen."""

#: in the order in which they are applied
SEEN = (
    "pixel_dropout",
    "gaussian_blur",
    "colour_jitter",
    "downscale",
    "gaussian_noise",
    "invert",
    "motion_blur",
    "multiplicative_noise",
    "brightness_contrast",
    "gamma",
    "solarize",
    "sharpen",
)
#: by the group that Fig. 5 shows together
GROUPS = {
    "noise": ("shot_noise", "impulse_noise", "speckle_noise"),
    "blur": ("defocus", "zoom_blur"),
    "weather": ("fog", "snow", "spatter"),
    "digital": ("contrast", "elastic", "pixelate", "jpeg"),
}
UNSEEN = tuple(name for names in GROUPS.values() for name in names)
SEVERITIES = (1, 2, 3, 4, 5)
