"""Which subjects there are, where their files lie, who trains, validates and tests, what labels are called."""
