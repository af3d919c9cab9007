"""The sound: mel windows, a voice, where somebody speaks."""
