"""The loop back to the model: requests to retrain it, and proposals for its score."""
