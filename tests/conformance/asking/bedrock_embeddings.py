"""Requests to embedding models on Bedrock's InvokeModel, as canonical embeddings."""

from conformance.asking.names import named

_PURPOSES = {"GENERIC_INDEX": "search_document", "GENERIC_RETRIEVAL": "search_query"}


def canonical(body):
    single = body.get("singleEmbeddingParams")
    if single:
        made = {"input": single["text"]["value"], "input_type": _PURPOSES[single["embeddingPurpose"]]}
        return made | named(body, model="model") | named(single, embeddingDimension="dimensions")
    made = named(body, model="model", inputText="input", texts="input", dimensions="dimensions")
    return made | named(body, input_type="input_type", normalize="normalize", truncate="truncate")
