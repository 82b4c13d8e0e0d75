"""Slices of volumes as pictures, for quality control and for the figures of papers."""
