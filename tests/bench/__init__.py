"""Speed, measured side by side: `python -m tests.bench [--only NAME] [--quick]` writes ``build/bench.json``.

A figure is one module with a `FIGURE`; `registry.py` lists them. What is compared runs in processes of its own, in
turn, three rounds; medians count. No figure is a test: a slow machine fails nothing.
"""
