"""Which subjects there are, where their files lie, who trains and who tests, what labels are called."""
