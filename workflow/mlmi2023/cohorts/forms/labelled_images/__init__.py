"""Form ``labelled_images``: small images of one size, each of one class, in the splits of their dataset."""
