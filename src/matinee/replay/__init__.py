"""Pages as they were shown: what they were made of is kept some days, so that they can be made again."""
