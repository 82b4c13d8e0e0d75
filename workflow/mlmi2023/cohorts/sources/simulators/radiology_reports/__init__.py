"""Reports of chest X-rays from one institution: a table of findings and impressions."""
