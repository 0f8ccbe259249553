"""All that the sketch stage tells the detect stage: the flush record, and what its watermarks and segments mean."""
