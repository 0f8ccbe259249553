"""The input topics read again, to compare the alerts that a configuration makes of them with those that stand."""
