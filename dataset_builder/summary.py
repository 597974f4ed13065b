"""What was built, in a few lines for the terminal."""

from __future__ import annotations

from pathlib import Path

from dataset_builder.manifest import Manifest


def summary(manifest: Manifest, folder: Path) -> str:
    """Rows and splits of each config, and how to open the folder."""
    configs: dict[str, list[int]] = {}
    for name, entry in manifest.files.items():
        if entry.rows is not None:
            configs.setdefault(name.split("/")[1], []).append(entry.rows)
    lines = [
        f"built {folder} from {' + '.join(source.kind for source in manifest.sources)} "
        f"(schema {manifest.schema_version}, cases {manifest.cases_hash[:12]})"
    ]
    width = max(map(len, configs))
    for config, rows in configs.items():
        splits = f"{len(rows)} split{'s' * (len(rows) != 1)}"
        lines.append(f"  {config:<{width}}  {sum(rows):>7,} rows  {splits}")
    lines.append(f'open it with: datasets.load_dataset("{folder}", "cases", split="test")')
    return "\n".join(lines)
