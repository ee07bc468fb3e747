"""The training of the reader that the project ships."""
