"""Form ``image_pool``: grey images of one size, some with masks, many without."""
