"""What ``driftline doctor`` understands of sampled records: facts, guesses, contradictions. All pure."""
