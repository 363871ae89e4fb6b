"""Who imports whom, read from the source, and what of that is against the rules."""

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Rules = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True, order=True)
class Import:
    """`module` imports `name`: a module, or what is in one."""

    module: str
    name: str
    line: int
    at_runtime: bool = True  # not only for the type checker

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.name}"


def modules_of(root: Path, packages: Collection[str]) -> dict[str, Path]:
    """Dotted name -> file, for all modules of the packages but their migrations."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for package in packages
        for path in sorted((root / package).rglob("*.py"))
        if "migrations" not in path.parts
    }


def imports_of(module: str, path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(), str(path))
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        at_runtime = id(node) not in for_types
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, at_runtime)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                source = ".".join(filter(None, [*above, source]))
            for alias in node.names:
                yield Import(module, f"{source}.{alias.name}", node.lineno, at_runtime)


def all_imports(root: Path, packages: Collection[str]) -> list[Import]:
    return [
        found
        for module, path in modules_of(root, packages).items()
        for found in imports_of(module, path)
    ]


def is_in(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def _part(name: str, parts: Collection[str]) -> str | None:
    """The longest of the parts that the name lies in."""
    return max((part for part in parts if is_in(name, part)), key=len, default=None)


def against_directions(imports: Collection[Import], may_import: Rules) -> list[str]:
    """
    What imports something of ours that its part may not import.

    `may_import` names every part and what it may import besides itself; a part may
    lie in a larger one, and has rules of its own then.
    """
    own = {part.partition(".")[0] for part in may_import}
    wrong = []
    for found in imports:
        if found.name.partition(".")[0] not in own:
            continue
        source = _part(found.module, may_import)
        if source is None:
            wrong.append(f"{found.module} is in no part that has a rule")
        elif not any(is_in(found.name, part) for part in (source, *may_import[source])):
            wrong.append(str(found))
    return sorted(set(wrong))


def through_wrong_doors(imports: Collection[Import], doors: Rules) -> list[str]:
    """What imports a foreign library elsewhere than at one of its doors."""
    return sorted(
        str(found)
        for found in imports
        for library, modules in doors.items()
        if is_in(found.name, library) and found.module not in modules
    )


def cycles(imports: Collection[Import]) -> list[list[str]]:
    """Modules that import each other, directly or by way of others."""
    graph = _graph(imports)
    reached = {module: _reachable(module, graph) for module in graph}
    groups = {
        tuple(sorted(other for other in reached[module] if module in reached[other]))
        for module in graph
        if module in reached[module]
    }
    return sorted(list(group) for group in groups)


def reached_from(module: str, imports: Collection[Import]) -> set[str]:
    """What is imported by the module, by what it imports, and so on."""
    inside = {module} | _reachable(module, _graph(imports))
    return {found.name for found in imports if found.module in inside}


def _graph(imports: Collection[Import]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {found.module: set() for found in imports}
    for found in imports:
        # `from package import name` is about the module `name`, if there is one.
        target = found.name if found.name in graph else found.name.rpartition(".")[0]
        if target in graph and target != found.module and found.at_runtime:
            graph[found.module].add(target)
    return graph


def _reachable(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found
