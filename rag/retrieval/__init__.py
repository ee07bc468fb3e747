"""From a question to the chunks that it is answered from."""

from rag.retrieval.diversify import Limits
from rag.retrieval.evidence import Evidence, renumbered
from rag.retrieval.fusion import Query, Ranking, SearchText
from rag.retrieval.overview import overview
from rag.retrieval.rerank import Reranker
from rag.retrieval.search import Rerank, Retriever, nearest, retrieve

__all__ = [
    "Evidence",
    "Limits",
    "Query",
    "Ranking",
    "Rerank",
    "Reranker",
    "Retriever",
    "SearchText",
    "nearest",
    "overview",
    "renumbered",
    "retrieve",
]
