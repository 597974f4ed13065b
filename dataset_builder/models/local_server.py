"""Serve one GGUF model on loopback until standard input closes; a process of its own.

Run by its path, with the model's path, the tokens of a conversation, and the repetition penalty with
the tokens that it looks back on as arguments; prints the server's address as its only line. Kept
apart from the run, so that a fault in native code ends this process and not the collector, and
imports nothing of this project, so that it starts at once.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Start the server, say where, and wait."""
    import xllamacpp

    path, context = sys.argv[1], int(sys.argv[2])
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = context
    # One conversation at a time and nothing remembered between two: the same answer each time.
    params.n_parallel = 1
    params.cache_prompt = False
    params.cache_ram_mib = 0
    # Threads of llama.cpp wait for each other in a loop: with as many as there are cores, any other
    # program on the machine slows them down manyfold (measured: 24 s with one, 117 to 356 s with two).
    threads = max(1, min(8, (os.cpu_count() or 1) // 2))
    # Decoded greedily, so small a model repeats itself until its tokens run out (5 of the first 6 answers,
    # at 1,024 tokens); with this none of the first 10 did.
    params.sampling.penalty_repeat = float(sys.argv[3])
    params.sampling.penalty_last_n = int(sys.argv[4])
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    # One host until xllamacpp 2026.9, several since.
    if hasattr(params, "hostnames"):
        params.hostnames = ["127.0.0.1"]
    else:
        params.hostname = "127.0.0.1"
    params.port = 0
    params.ui = False
    params.offline = True
    params.verbosity = -1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    # Not through the destructors of native code, which may wait for a request under way.
    os._exit(0)


if __name__ == "__main__":
    main()
