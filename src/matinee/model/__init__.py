"""The words everyone shares: frozen values and pure functions that import nothing of ours."""
