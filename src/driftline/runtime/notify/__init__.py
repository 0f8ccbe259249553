"""``driftline notify``: reads the alerts topic, one consumer group a sink, and tells people and programs."""
