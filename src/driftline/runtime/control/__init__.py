"""The control topic as people and tools use it: commands are written, and those that hold are read."""
