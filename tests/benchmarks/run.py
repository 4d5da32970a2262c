"""All benchmarks: `make bench`, or with options `make bench ARGS="--quick"`. README.md says what each figure is.

Machines are shared and noisy: compare figures of one run only, and those by their ratios to the bare loop.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

import engine
import gateway
import planning
import translate
import uvloop
from rig import CORES, HERE, PROGRAM, Programs, pin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round: a look, no measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each round's load")
    parser.add_argument("--streams", type=int, default=1024, help="paced streams of each round")
    parser.add_argument(
        "--with-litellm", metavar="PROGRAM", default=os.environ.get("TAXIWAY_BENCH_LITELLM"),
        help="the `litellm` program of an environment that has litellm[proxy]  [$TAXIWAY_BENCH_LITELLM]",
    )  # fmt: skip
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.streams = 1, 2, 256
    if len(CORES) == 1:
        print("One core: load, upstream and program share it, so that ratios look better than they are.\n")
    with Programs() as programs:
        upstream = programs.upstream()
        targets = [gateway.bare(upstream), gateway.taxiway(upstream, programs.folder)]
        if options.with_litellm:
            targets.append(gateway.litellm(upstream, programs.folder, options.with_litellm))
        gateway.measure(programs, targets, rounds=options.rounds, seconds=options.seconds, count=options.streams)
    print("\n".join(gateway.table(targets)), flush=True)
    pin(0, PROGRAM)
    least, median = uvloop.run(engine.measure(100 if options.quick else 800))
    print(f"\nrouter.chat above the transport: {least:.0f} us at best, {median:.0f} us median\n")
    print("\n".join(planning.table(planning.measure(100 if options.quick else 800))), flush=True)
    ours, attrs = importing(7 if options.quick else 31)
    print(
        f"\nimport taxiway: {ours * 1e3:.1f} ms, import attrs: {attrs * 1e3:.1f} ms, {ours / attrs:.2f} x\n", flush=True
    )
    print("\n".join(translate.table(translate.measure(50 if options.quick else 400))), "\n", flush=True)
    requests = "1000" if options.quick else "4000"
    subprocess.run([sys.executable, HERE / "transport.py", "--requests", requests], check=True)


def importing(rounds):
    """Seconds that `import taxiway` and `import attrs` take in a new interpreter, less those of an empty one."""
    codes = ("pass", "import taxiway", "import attrs")
    taken = {code: [] for code in codes}
    for _ in range(rounds):
        for code in codes:
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            taken[code].append(time.perf_counter() - began)
    empty, ours, attrs = (statistics.median(taken[code]) for code in codes)
    return ours - empty, attrs - empty


if __name__ == "__main__":
    main()
