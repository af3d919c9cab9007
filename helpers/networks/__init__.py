"""The networks, as PyTorch modules: none of these files knows a run."""
