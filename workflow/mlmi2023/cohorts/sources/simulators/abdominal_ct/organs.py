"""BTCV's thirteen organs, and the attenuation of everything in the abdomen by contrast phase.

Means are those of adults in textbooks, after contrast: ``arterial`` about 35 s after injection, ``portal``
about 70 s, when aorta and veins look alike.
"""

#: BTCV's label values
ORGANS: dict[int, str] = {
    1: "spleen",
    2: "right kidney",
    3: "left kidney",
    4: "gallbladder",
    5: "oesophagus",
    6: "liver",
    7: "stomach",
    8: "aorta",
    9: "inferior vena cava",
    10: "portal and splenic vein",
    11: "pancreas",
    12: "right adrenal gland",
    13: "left adrenal gland",
}
NUMBER = {name: value for value, name in ORGANS.items()}
#: tissue -> Hounsfield units in the arterial and in the portal venous phase
HU: dict[str, tuple[float, float]] = {
    "spleen": (130, 120),
    "right kidney": (165, 185),
    "left kidney": (165, 185),
    "gallbladder": (10, 10),
    "oesophagus": (55, 65),
    "liver": (75, 110),
    "stomach": (70, 80),  # the wall; contents have values of their own
    "aorta": (300, 165),
    "inferior vena cava": (95, 150),
    "portal and splenic vein": (120, 170),
    "pancreas": (105, 95),
    "right adrenal gland": (70, 80),
    "left adrenal gland": (70, 80),
    "bowel": (60, 75),
    "node": (80, 100),
    "muscle": (55, 62),
    "fat": (-100, -100),
    "bone": (280, 280),
    "marrow": (160, 160),
    "air": (-1000, -1000),
    "lung": (-820, -820),
}
