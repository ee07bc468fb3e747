"""From a question to the chunks a prompt gets."""

from rag.retrieval.diversify import Limits
from rag.retrieval.fusion import Ranking
from rag.retrieval.overview import overview
from rag.retrieval.rerank import Reranker
from rag.retrieval.search import Retriever, renumbered, retrieve

__all__ = [
    "Limits",
    "Ranking",
    "Reranker",
    "Retriever",
    "overview",
    "renumbered",
    "retrieve",
]
