"""What to show next: learns from every play, explains every row."""
