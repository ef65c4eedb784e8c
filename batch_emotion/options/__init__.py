"""What can be asked of each command, every option declared once; it holds no behaviour and loads at once."""
