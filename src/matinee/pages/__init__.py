"""One frozen value a screen: what the API serialises and the web renders."""
