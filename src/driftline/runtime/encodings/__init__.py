"""From the bytes of records to JSON or plain Python objects: Avro, Protobuf, framing by schema id, CloudEvents."""
