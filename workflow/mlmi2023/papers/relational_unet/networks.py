"""The paper's own network by name; the other rows of Tables 1 and 2 are shared ones."""

from mlmi2023.nets.registry import network_at

network_at("relational_unet", 3, "mlmi2023.papers.relational_unet.network:RelationalUNet")
