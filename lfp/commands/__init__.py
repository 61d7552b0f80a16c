"""Commands: settings in, a folder out."""
