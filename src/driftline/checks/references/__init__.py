"""What a window is compared with: counts, groups of bins and dispersion of the reference."""
