"""Form ``domain_images``: photographs of one size from several domains, with grades, label maps or both."""
