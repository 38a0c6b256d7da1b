"""What holds for the code as a whole: its layers, its migrations, its contract."""
