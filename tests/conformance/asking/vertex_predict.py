"""Requests to embedding models on Vertex AI's `:predict`, as canonical embeddings."""

from conformance.asking.names import named

_PURPOSES = {"RETRIEVAL_QUERY": "search_query", "RETRIEVAL_DOCUMENT": "search_document"}


def canonical(body):
    made = {"input": [instance["content"] for instance in body["instances"]]}
    for instance in body["instances"]:
        if task := instance.get("task_type"):
            made["input_type"] = _PURPOSES.get(task, task.lower())
    return made | named(body, model="model") | named(body.get("parameters") or {}, outputDimensionality="dimensions")
