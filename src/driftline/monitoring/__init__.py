"""The detect stage: flush records of one panes partition in, events and state out."""
