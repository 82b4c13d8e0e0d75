"""Networks that segment."""
