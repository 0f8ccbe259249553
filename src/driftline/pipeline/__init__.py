"""The logic of both stages, without Kafka, files or clock."""
