"""What every check keeps to: its input, its outcomes, and how outcomes become findings within the error budget."""
