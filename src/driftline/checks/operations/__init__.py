"""How a model's predictions are made, whatever they are: failures, latency, silence."""
