"""Networks that register."""
