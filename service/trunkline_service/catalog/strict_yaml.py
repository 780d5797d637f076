"""YAML in which no name is there twice."""

from __future__ import annotations

from typing import Any

import yaml


class StrictLoader(yaml.SafeLoader):
    """Refuses names that are there twice, of which YAML's own rule would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Raises `ConstructorError` where a name is there twice."""
        names = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise yaml.constructor.ConstructorError(None, None, f"{name} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)
