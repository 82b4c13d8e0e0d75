"""The paper's own networks by name; the other rows of Table 1 are shared ones."""

from mlmi2023.nets.registry import network_at

network_at("skin_transformer", 2, "mlmi2023.papers.skin_transformer.model:SkinTransformer")
network_at("fat_net", 2, "mlmi2023.papers.skin_transformer.fatnet:FATNet")
