"""The demo: the embedded broker and simulated traffic."""
