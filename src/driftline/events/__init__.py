"""The records that come in and go out, one family a file; nothing here does I/O."""
