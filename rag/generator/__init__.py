"""Generators: messages in, text out. `choose_generator` picks one and says why."""

from rag.generator.choice import ChosenGenerator, choose_generator
from rag.generator.protocol import Generator

__all__ = ["ChosenGenerator", "Generator", "choose_generator"]
