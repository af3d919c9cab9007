"""The lip-sync engines: how a frame is drawn."""
