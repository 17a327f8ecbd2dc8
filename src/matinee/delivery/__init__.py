"""The network's brain: edges, their health, and which of them serves a viewer."""
