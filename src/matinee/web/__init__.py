"""Server-rendered pages for viewers and operators."""
