"""Building a profile: from tables, files and production."""
