"""Mergeable summaries of columns: everything here adds up in whole numbers, so the order of merging cannot show."""
