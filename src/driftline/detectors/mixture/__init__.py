"""A mixture e-detector on the histograms of all columns of a model: what columns can do, the bets on it, their sums."""
