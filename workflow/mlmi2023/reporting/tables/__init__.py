"""The paper's tables again: built, laid out in the paper's shape, controlled."""
