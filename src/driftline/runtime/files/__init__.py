"""Event files and the backtest over them."""
