"""The checks: is what a closed window, a performance revision or a label cohort shows different from its reference."""
