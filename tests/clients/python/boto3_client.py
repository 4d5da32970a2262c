"""boto3 against the simulated Bedrock: the frames that its streams have here are those that AWS's own client takes."""

import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from programs import CALL, EXACT, RESULT, WEATHER, tell

BEDROCK, MODEL = os.environ["SIMULATED_BEDROCK"], os.environ["SIMULATED_BEDROCK_MODEL"]
BREAKS = os.environ["SIMULATED_BEDROCK_BREAKS"]
SPEC = {"name": WEATHER["name"], "inputSchema": {"json": WEATHER["parameters"]}}
TOOLS = {"tools": [{"toolSpec": SPEC}]}


def made_by(key: str):
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=BEDROCK,
        aws_access_key_id=key,
        aws_secret_access_key="simulated-secret-key",
        config=Config(retries={"total_max_attempts": 1}),
    )


def main() -> None:
    client = made_by("simulated-key-one")
    ask = [{"role": "user", "content": [{"text": EXACT}]}]
    made = client.converse(modelId=MODEL, messages=ask)
    tell(MODEL, "answer", made["output"]["message"]["content"][0]["text"])
    tell(MODEL, "usage", made["usage"]["outputTokens"])
    events = list(client.converse_stream(modelId=MODEL, messages=ask)["stream"])
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    tell(MODEL, "stream", "".join(deltas))
    tell(MODEL, "streamed usage", events[-1]["metadata"]["usage"]["outputTokens"])

    ask = [{"role": "user", "content": [{"text": CALL}]}]
    called = client.converse(modelId=MODEL, messages=ask, toolConfig=TOOLS)["output"]["message"]
    use = called["content"][-1]["toolUse"]
    tell(MODEL, "tool", [use["name"], use["input"]])
    result = {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": RESULT}]}}
    answered = [*ask, called, {"role": "user", "content": [result]}]
    made = client.converse(modelId=MODEL, messages=answered, toolConfig=TOOLS)
    tell(MODEL, "result", RESULT in made["output"]["message"]["content"][0]["text"])

    ask = [{"role": "user", "content": [{"text": EXACT}]}]
    try:
        made_by("another-key").converse(modelId=MODEL, messages=ask)
    except ClientError as error:
        tell("", "wrong key", error.response["ResponseMetadata"]["HTTPStatusCode"])
    try:
        list(client.converse_stream(modelId=BREAKS, messages=ask)["stream"])
    except EventStreamError as error:
        tell(BREAKS, "broken stream", error.response["Error"]["Code"])


main()
