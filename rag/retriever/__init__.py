"""From a question to the chunks a prompt gets."""

from rag.retriever.overview import overview
from rag.retriever.ranking import Ranking
from rag.retriever.rerank import Reranker
from rag.retriever.search import Retrieved, Retriever, renumbered, retrieve
from rag.retriever.voices import Limits, Mix

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
