"""Generators: messages in, pieces of text out."""

from rag.generators.base import Generator

__all__ = ["Generator"]
