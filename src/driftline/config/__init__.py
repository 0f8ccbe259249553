"""Configuration: one frozen struct per section, and the only reader of configuration files and environment."""
