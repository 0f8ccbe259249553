"""How models make their predictions: windows of failures and latency, and the silence of a model."""
