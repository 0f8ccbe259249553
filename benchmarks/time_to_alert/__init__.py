"""How long after a change its alert is there, on a real Kafka with driftline's own processes, by the clock."""
