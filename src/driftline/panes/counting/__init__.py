"""What joins add to performance windows: counted row by row in either stage, to the same integers."""
