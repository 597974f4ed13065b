"""``blind-refusal judge``: labels for any file of requests and answers. Imports ``tables``."""
