"""What is measured: each system as its own documentation shows it, with the same weights, keeping what
it built in a folder. Every class imports its system when it is made, in that system's environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

BATCH = 32  # sentence-transformers' own


class System(Protocol):
    """Texts into an index, and questions to it."""

    def __init__(self, model: str, folder: Path) -> None:
        """`model` is the embedder's folder; what is built goes into `folder`."""
        ...

    def build(self, texts: Sequence[str]) -> None:
        """Make the index of these texts, and keep it on the disk."""
        ...

    def ask(self, question: str, most: int) -> int:
        """Search; how many passages came, with their texts."""
        ...


class LangChain:
    """FAISS, as langchain-community has it."""

    def __init__(self, model: str, folder: Path) -> None:
        from langchain_huggingface import HuggingFaceEmbeddings

        self._folder = folder
        self._embedder = HuggingFaceEmbeddings(
            model_name=model, encode_kwargs={"batch_size": BATCH, "normalize_embeddings": True}
        )
        self._store: Any = None

    def build(self, texts: Sequence[str]) -> None:
        from langchain_community.vectorstores import FAISS

        self._store = FAISS.from_texts(list(texts), self._embedder)
        self._store.save_local(str(self._folder))

    def ask(self, question: str, most: int) -> int:
        return len(
            [found.page_content for found in self._store.similarity_search(question, k=most)]
        )


class Txtai:
    """txtai with its content kept."""

    def __init__(self, model: str, folder: Path) -> None:
        from txtai import Embeddings

        self._folder = folder
        self._embeddings = Embeddings(path=model, content=True, encodebatch=BATCH)

    def build(self, texts: Sequence[str]) -> None:
        self._embeddings.index(list(texts))
        self._embeddings.save(str(self._folder))

    def ask(self, question: str, most: int) -> int:
        return len([found["text"] for found in self._embeddings.search(question, most)])


class Chroma:
    """A persistent client."""

    def __init__(self, model: str, folder: Path) -> None:
        import chromadb
        from chromadb.utils import embedding_functions

        self._client = chromadb.PersistentClient(
            str(folder), settings=chromadb.Settings(anonymized_telemetry=False)
        )
        self._embedder = embedding_functions.SentenceTransformerEmbeddingFunction(model_name=model)
        self._collection: Any = None
        self._built = 0

    def build(self, texts: Sequence[str]) -> None:
        self._built += 1
        self._collection = self._client.create_collection(
            f"reviews{self._built}", embedding_function=self._embedder
        )
        step = self._client.get_max_batch_size()
        for start in range(0, len(texts), step):
            some = list(texts[start : start + step])
            self._collection.add(ids=[str(start + row) for row in range(len(some))], documents=some)

    def ask(self, question: str, most: int) -> int:
        return len(self._collection.query(query_texts=[question], n_results=most)["documents"][0])


class LlamaIndex:
    """Its own vector store."""

    def __init__(self, model: str, folder: Path) -> None:
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding

        self._folder = folder
        self._embedder = HuggingFaceEmbedding(model_name=model, embed_batch_size=BATCH)
        self._index: Any = None

    def build(self, texts: Sequence[str]) -> None:
        from llama_index.core import VectorStoreIndex
        from llama_index.core.schema import TextNode

        nodes = [TextNode(text=text) for text in texts]
        self._index = VectorStoreIndex(nodes, embed_model=self._embedder)
        self._index.storage_context.persist(str(self._folder))

    def ask(self, question: str, most: int) -> int:
        found = self._index.as_retriever(similarity_top_k=most).retrieve(question)
        return len([node.get_content() for node in found])


class Haystack:
    """Its in-memory store, saved."""

    def __init__(self, model: str, folder: Path) -> None:
        from haystack_integrations.components.embedders.sentence_transformers import (
            SentenceTransformersDocumentEmbedder,
            SentenceTransformersTextEmbedder,
        )

        self._folder = folder
        self._documents = SentenceTransformersDocumentEmbedder(
            model=model, batch_size=BATCH, progress_bar=False
        )
        self._questions = SentenceTransformersTextEmbedder(model=model, progress_bar=False)
        self._documents.warm_up()
        self._questions.warm_up()
        self._retriever: Any = None

    def build(self, texts: Sequence[str]) -> None:
        from haystack import Document
        from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore

        store = InMemoryDocumentStore(embedding_similarity_function="cosine")
        store.write_documents(
            self._documents.run(
                [Document(id=str(row), content=text) for row, text in enumerate(texts)]
            )["documents"]
        )
        store.save_to_disk(str(self._folder / "store.json"))
        self._retriever = InMemoryEmbeddingRetriever(store)

    def ask(self, question: str, most: int) -> int:
        vector = self._questions.run(question)["embedding"]
        found = self._retriever.run(query_embedding=vector, top_k=most)["documents"]
        return len([document.content for document in found])


class Ours:
    """This package, from rows to everything that it keeps: language, sentences, vectors, words,
    copies, stance, topics.
    """

    runtime: ClassVar[dict[str, str]] = {}

    def __init__(self, model: str, folder: Path) -> None:
        from rag.config import Settings
        from rag.embedding import make_embedder

        self._settings = Settings().changed({"paths.indexes_dir": folder, **self.runtime})
        self._embedder = make_embedder(self._settings)
        self._index: Any = None

    def build(self, texts: Sequence[str]) -> None:
        import rag

        rows = [{"text": text} for text in texts]
        settings, embedder = self._settings, self._embedder
        self._index = rag.build(rows, name="peers", settings=settings, embedder=embedder)

    def ask(self, question: str, most: int) -> int:
        return len([found.chunk.text for found in self._index.search(question)][:most])


class OursInTorch(Ours):
    """This package computing as the others do: torch, in float32."""

    runtime: ClassVar[dict[str, str]] = {"runtime.backend": "torch", "runtime.precision": "float32"}


SYSTEMS: dict[str, type[System]] = {
    "reviewqa": Ours,
    "reviewqa, torch float32": OursInTorch,
    "langchain": LangChain,
    "txtai": Txtai,
    "chroma": Chroma,
    "llamaindex": LlamaIndex,
    "haystack": Haystack,
}
