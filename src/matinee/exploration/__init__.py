"""What is tried: which picture a title shows, and the one place of a row that explores."""
