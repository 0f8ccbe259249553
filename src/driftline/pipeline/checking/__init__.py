"""What a closed window, a performance revision or a detector's change comes to: distances, tests, findings."""
