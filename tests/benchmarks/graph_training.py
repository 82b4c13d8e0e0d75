"""How time and memory of a training step of IA-GCN grow with subjects and edges. Run it by hand:

    PYTHONPATH=workflow python tests/benchmarks/graph_training.py [--subjects 20000] [--features 500]

Each line is measured in a process of its own, whose peak memory is its own too.
"""

import argparse
import multiprocessing
import resource
import time


def measure(queue, subjects, features, options, steps):
    import torch
    import torch.nn.functional as F

    from mlmi2023.papers.ia_gcn.losses import total_loss
    from mlmi2023.papers.ia_gcn.model import build_net

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = torch.randn(subjects, features, device=device)
    labels = torch.randint(0, 3, (subjects,), device=device)
    net = build_net(features, 3, {"kind": "learned_graph", "attention": {"start": 0.0}, "graph": options})
    net.to(device).prepare(x)
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    seconds = []
    for _ in range(steps + 1):
        start = time.process_time() if device.type == "cpu" else time.perf_counter()
        optimiser.zero_grad()
        loss = total_loss(F.cross_entropy(net(x), labels), net.attention.weights(), 0.6, 0.4, 0.5, 0.5)
        loss.backward()
        optimiser.step()
        float(loss)
        seconds.append((time.process_time() if device.type == "cpu" else time.perf_counter()) - start)
    if device.type == "cuda":
        memory = torch.cuda.max_memory_allocated() / 2**30
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    queue.put((sum(seconds[1:]) / steps, memory))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--subjects", type=int, default=20000)
    parser.add_argument("--features", type=int, default=500)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--neighbours", type=int, nargs="*", default=[10, 20, 40, 80])
    parser.add_argument("--full", action="store_true", help="also the whole graph, made in blocks")
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    runs = [{"neighbours": k} for k in args.neighbours] + ([{"block": 1024}] if args.full else [])
    print("graph,edges,seconds per step,peak GiB")
    for options in runs:
        queue = context.Queue()
        job = context.Process(target=measure, args=(queue, args.subjects, args.features, options, args.steps))
        job.start()
        seconds, memory = queue.get()
        job.join()
        edges = args.subjects * options.get("neighbours", args.subjects)
        print(f"{options},{edges},{seconds:.2f},{memory:.2f}", flush=True)


if __name__ == "__main__":
    main()
