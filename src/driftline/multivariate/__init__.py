"""What changed between columns, where each alone may look the same: correlations, subspaces, mean embeddings."""
