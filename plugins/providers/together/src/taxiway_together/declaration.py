"""Together AI, declared.

Sources: docs.together.ai: chat completions, error codes, serverless rate limits, reasoning; replies, errors and headers as recorded.
"""

from taxiway_openai_compatible import ErrorRow, Shape, from_environment, paths_of

TOGETHER = Shape(
    slug="together",
    name="Together",
    base_url="https://api.together.ai/v1",
    catalog="togetherai",
    paths=paths_of("chat", "completions", "embeddings"),
    errors=(
        ErrorRow(kind="quota_exhausted", codes=("credit_limit",)),
        # The page on error codes: a 403 is a prompt that, with max_tokens, is longer than the model's context.
        ErrorRow(
            kind="context_length", statuses=(400, 403, 422), message=r"max_(?:new_)?tokens`? must (?:be|not exceed)"
        ),
        # A model that has to be rented first, too.
        ErrorRow(kind="not_found", codes=("model_not_available",)),
    ),
    # No `limits`: they are dynamic, and the headers were recorded to say 59 left of 30, at the same time as `x-ratelimit: false`.
)

ENVIRONMENT = from_environment("together", ("TOGETHER_API_KEY",))
