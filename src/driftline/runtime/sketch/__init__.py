"""The sketch worker: consuming, transactions, offsets."""
