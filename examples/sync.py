"""The engine in process, without async: `SyncRouter` has the same surface as `Router`.

    python examples/sync.py

The configuration is a mapping of the same shape as taxiway.toml; here it is one simulated provider.
"""

import taxiway

CONFIG = {"providers": [{"use": "simulator", "slug": "demo", "models": [{"id": "echo", "answer": "echo"}]}]}

with taxiway.SyncRouter.from_dict(CONFIG) as router:
    reply = router.chat(model="demo/echo", messages=[{"role": "user", "content": "Hello"}])
    print(reply["choices"][0]["message"]["content"])

    for chunk in router.stream(model="demo/echo", messages=[{"role": "user", "content": "Hello again"}]):
        for choice in chunk["choices"]:
            print(choice["delta"].get("content") or "", end="")
    print()

    try:
        router.chat(model="demo/ecko", messages=[{"role": "user", "content": "Hello"}])
    except taxiway.TaxiwayError as error:
        print(f"As it should: {error}")
