"""Where an edge fetches from: peers of its site, parents, the origin; and how edges show each other who they are."""
