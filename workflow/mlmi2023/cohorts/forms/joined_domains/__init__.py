"""Form ``joined_domains``: cohorts of photographs side by side, each a domain."""
