"""The forms that sinks expect: one file a sink."""
