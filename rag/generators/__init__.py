"""Generators: messages in, pieces of text out."""

from rag.generators.base import Generator, Truncated

__all__ = ["Generator", "Truncated"]
