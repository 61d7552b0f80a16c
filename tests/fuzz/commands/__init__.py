"""Command lines and files that users get wrong: `make fuzz`."""
