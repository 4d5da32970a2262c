"""The engine in process: chat, streaming, embeddings, and why a call goes where it goes.

    python examples/library.py [CONFIGURATION MODEL EMBEDDING_MODEL]

Without arguments it uses two simulated providers, so it needs no provider key.
"""

import asyncio
import sys
from pathlib import Path

import taxiway

SIMULATED = Path(__file__).parent / "configurations" / "simulated.toml"
QUESTION = [{"role": "user", "content": "Why do planes taxi?"}]


async def main(config: Path, model: str, embedding_model: str) -> None:
    async with taxiway.Router.from_config(config) as router:
        reply = await router.chat(model=model, messages=QUESTION)
        print(f"{reply['provider']} answered: {reply['choices'][0]['message']['content']}")
        print(f"It cost ${reply['usage']['cost']:.8f}.")

        print("Streamed: ", end="")
        async for chunk in router.stream(model=model, messages=QUESTION):
            for choice in chunk["choices"]:
                print(choice["delta"].get("content") or "", end="", flush=True)
        print()

        vectors = await router.embed(model=embedding_model, input=["runway", "gate"])
        print(f"Embedded: {len(vectors['data'])} vectors of {len(vectors['data'][0]['embedding'])} numbers.")

        plan = await router.explain(model=model, messages=QUESTION)
        for row in plan.rows:
            print(f"{row.place or 'out'}: {row.provider} with the key {row.account}: {row.reason}")


if __name__ == "__main__":
    given = sys.argv[1:]
    if not given:
        given = [str(SIMULATED), "demo/answers", "demo/vectors"]
    path, chat_model, embed_model = given
    asyncio.run(main(Path(path), chat_model, embed_model))
