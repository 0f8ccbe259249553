"""The detect worker: a Faust application with one agent."""
