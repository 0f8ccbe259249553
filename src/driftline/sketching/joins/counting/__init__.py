"""What joins add to performance windows."""
