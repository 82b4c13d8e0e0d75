"""Which subjects there are, where their files lie, and who trains, validates and tests."""
