"""Figures that every paper has."""
