"""Commands of the control topic in the detect stage: kept by event time, looked up, carried out and answered."""
