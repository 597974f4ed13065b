"""What the parts of a server's reply mean: finish reasons, marks of reasoning, usage, event streams.

Decoded JSON and texts come in, plain values go out; nothing here asks a server, and nothing raises.
Imports the dataset's labels alone.
"""
