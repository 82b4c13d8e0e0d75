"""Form ``radiographs``: X-rays with a box per region, findings of regions, and a report."""
