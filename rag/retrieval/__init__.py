"""From a question to the chunks a prompt gets."""

from rag.retrieval.diversify import Limits, Mix
from rag.retrieval.fusion import Ranking
from rag.retrieval.overview import overview
from rag.retrieval.rerank import Reranker
from rag.retrieval.search import Retrieved, Retriever, renumbered, retrieve

__all__ = [
    "Limits",
    "Mix",
    "Ranking",
    "Reranker",
    "Retrieved",
    "Retriever",
    "overview",
    "renumbered",
    "retrieve",
]
