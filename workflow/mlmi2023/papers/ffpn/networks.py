"""The paper's networks and its baselines by name; weights of ResNet-50 from a file start their encoders."""

from mlmi2023.nets.registry import network_at

#: networks that answer with one contour, or mask, of each structure, see :class:`.truth.Found`
DETECTORS = {
    "ffpn": "model:FFPN",
    "cpn": "cpn:CPN",
    "polarmask": "polarmask:PolarMask",
    "polysnake": "polysnake:PolySnake",
    "mask_rcnn": "mask_rcnn:MaskRCNN",
}
for _name, _place in DETECTORS.items():
    network_at(_name, 2, f"mlmi2023.papers.ffpn.{_place}", encoder="trunk.encoder")
network_at("deeplabv3", 2, "mlmi2023.papers.ffpn.deeplab:DeepLabV3", encoder="encoder")
