"""Data quality: is a column there, is it a number, in range, does it still vary; one test a column and window."""
