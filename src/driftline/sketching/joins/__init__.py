"""The join of labels with predictions, and what it must remember."""
