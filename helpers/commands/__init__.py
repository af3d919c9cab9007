"""The commands of the command line: for each a function of its arguments, and one of its work."""
