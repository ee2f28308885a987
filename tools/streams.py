"""What a chapter draws and counts must go through the library, or `replicate.py` runs the same thing again under another name.

    python tools/streams.py gan/5    list what `NBDGM_SEED` would not shift, and what `NBDGM_STRETCH` would not stretch

Read from the code alone, nothing is run. It finds what an author writes, not what somebody hides on purpose.
"""

import ast
import builtins
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from chapters import ROOT, Chapter, cell_name, read, source

REMEDY = "draw with nbdgm.seed, nbdgm.generator, nbdgm.rng or nbdgm.shifted"
# Modules and functions, with all that lies below them.
SOURCES = [
    "random",
    "secrets",
    "uuid",
    "numpy.random",
    "torch.random",
    "torch.manual_seed",
    "torch.seed",
    "torch.initial_seed",
    "torch.Generator",
    "torch.default_generator",
    "torch.set_rng_state",
    "torch.get_rng_state",
    "torch.cuda.random",
    "torch.cuda.manual_seed",
    "torch.cuda.manual_seed_all",
    "torch.cuda.seed",
    "torch.cuda.seed_all",
    "torch.mps.manual_seed",
    "torch.xpu.manual_seed",
    "os.urandom",
    "os.getrandom",
    "sympy.randMatrix",
    "sympy.core.random",
    "scipy.random",
    "sklearn.utils.check_random_state",
    "nbdgm.runtime.unshifted",
]
# Methods and functions by their own name, of whatever they are.
NAMES = [
    "manual_seed",
    "manual_seed_all",
    "default_rng",
    "RandomState",
    "SeedSequence",
    "SystemRandom",
    "PCG64",
    "PCG64DXSM",
    "MT19937",
    "Philox",
    "SFC64",
    "fork_rng",
    "set_rng_state",
    "initial_seed",
    "urandom",
    "unshifted",
]
# Without a stream of their own these begin anywhere.
THIRSTY = [
    "scipy.stats.bootstrap",
    "scipy.stats.permutation_test",
    "scipy.stats.monte_carlo_test",
    "scipy.stats.power",
    "scipy.stats.qmc",
    "scipy.stats.sampling",
    "scipy.optimize.differential_evolution",
    "scipy.optimize.dual_annealing",
    "scipy.optimize.basinhopping",
    "scipy.sparse.random",
    "scipy.sparse.random_array",
    "torch.quasirandom.SobolEngine",
    "ot.sliced",
    "ot.sliced_wasserstein_distance",
    "ot.max_sliced_wasserstein_distance",
    "ot.gaussian",
    "sympy.stats.sample",
]
STREAMS = ("nbdgm.rng", "nbdgm.shifted", "nbdgm.generator")
ENTROPY = ("time", "datetime", "os", "uuid", "secrets", "hash", "id", "object")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
BUILTIN = dir(builtins)
FEW = 10  # updates that show something by hand: nobody trains with so few


class Code:
    """The code cells of a chapter as one program: syntax trees, what names are imported from, and to what they are bound."""

    def __init__(self, cells: Iterable[tuple[str, str]]) -> None:
        self.trees: list[tuple[str, ast.Module]] = []
        self.complaints: list[str] = []
        self.imports: dict[str, str] = {}
        self.bound: dict[str, list[tuple[ast.Name, ast.expr]]] = defaultdict(list)
        self.order: dict[ast.AST, int] = {}
        self.parents: dict[ast.AST, ast.AST] = {}
        self.cell_of: dict[ast.AST, str] = {}
        for cell, text in cells:
            try:
                tree = ast.parse(re.sub(r"^(\s*)[%!?].*$", r"\1pass", text, flags=re.M))
            except SyntaxError as error:
                self.complaints.append(f"cell {cell}, line {error.lineno}: this cannot be read as Python ({error.msg})")
                continue
            self.trees.append((cell, tree))
            for node in ast.walk(tree):
                self.cell_of[node], self.order[node] = cell, 10_000 * len(self.trees) + getattr(node, "lineno", 0)
                self.parents |= dict.fromkeys(ast.iter_child_nodes(node), node)
                self._import(node)
                self._bind(node)

    def _import(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for name in node.names:
                self.imports[name.asname or name.name.split(".")[0]] = name.name if name.asname else name.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            module = "nbdgm." * bool(node.level) + (node.module or "")
            self.imports |= {name.asname or name.name: f"{module}.{name.name}" for name in node.names}

    def _bind(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._pair(target, node.value)
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value is not None:
            self._pair(node.target, node.value)
        elif isinstance(node, (ast.For, ast.comprehension)):
            self._pair(node.target, node.iter)

    def _pair(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.bound[target.id].append((target, value))
        elif isinstance(target, (ast.Tuple, ast.List)):
            alike = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
            for i, part in enumerate(target.elts):
                self._pair(part, value.elts[i] if alike else value)
        elif isinstance(target, ast.Starred):
            self._pair(target.value, value)

    def function(self, node: ast.AST) -> ast.AST | None:
        """The innermost function around a node, none for the cells themselves."""
        above = self.parents.get(node)
        while above is not None and not isinstance(above, FUNCTIONS):
            above = self.parents.get(above)
        return above

    def values(self, name: ast.Name) -> list[ast.expr]:
        """What a name may stand for where it is used: in a function its values there or else all that the cells give it, in the
        cells the last that was given before.
        """
        inside, here = self.function(name), self.order[name]
        bound = [(target, value) for target, value in self.bound[name.id] if value is not None]
        local = [value for target, value in bound if inside is not None and self.function(target) is inside]
        if local:
            return local
        cells = [(self.order[target], value) for target, value in bound if self.function(target) is None]
        if inside is None:
            before = [pair for pair in cells if pair[0] <= here]
            return [max(before, key=lambda pair: pair[0])[1]] if before else []
        return [value for _, value in cells]

    def walk(self) -> Iterator[ast.AST]:
        """Every node but the annotations, which say what is given and make nothing."""
        todo: list[ast.AST] = [tree for _, tree in reversed(self.trees)]
        while todo:
            node = todo.pop()
            yield node
            said = (getattr(node, "annotation", None), getattr(node, "returns", None))
            todo += [child for child in ast.iter_child_nodes(node) if child not in said]

    def path(self, node: ast.AST) -> str:
        """`numpy.random.rand` for `np.random.rand`; empty for what does not begin with an imported name."""
        if isinstance(node, ast.Name):
            return self.imports.get(node.id, "")
        if isinstance(node, ast.Attribute):
            base = self.path(node.value)
            return f"{base}.{node.attr}" if base else ""
        return ""

    def where(self, node: ast.AST) -> str:
        return f"cell {self.cell_of[node]}, line {node.lineno}"


def below(path: str, names: Iterable[str]) -> bool:
    """Is `path` one of these dotted names, or below one?"""
    return any(path == name or path.startswith(name + ".") for name in names)


def ours(path: str, *names: str) -> bool:
    """Is `path` one of the library's own, by whichever way it was imported?"""
    return path.replace("nbdgm.runtime.", "nbdgm.").replace("nbdgm.training.", "nbdgm.") in names


# --- seeds ----------------------------------------------------------------------------------------------------------


def other_sources(code: Code) -> list[str]:
    """Every source of random numbers in the code that is not the library's."""
    found = []

    def complain(node: ast.AST, what: str, remedy: str = REMEDY) -> None:
        found.append(f"{code.where(node)}: {what}; {remedy}")

    for node in code.walk():
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            for name in node.names:
                path = f"{module}.{name.name}" if module else name.name
                if below(path, SOURCES) or name.name in NAMES:
                    complain(node, f"imports {path}")
                elif name.name == "*":
                    complain(node, f"imports everything from {module}", "import what is used, by name")
        elif isinstance(node, (ast.Attribute, ast.Name)):
            path, name = code.path(node), node.attr if isinstance(node, ast.Attribute) else node.id
            longer = below(code.path(code.parents.get(node)), SOURCES)  # np.random.rand is named once, not np.random as well
            made = (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Call)
                and below(code.path(node.value.func), SOURCES)
            )
            if not (longer or made) and (below(path, SOURCES) or (isinstance(node, ast.Attribute) and name in NAMES)):
                complain(node, f"{ast.unparse(node)} is another source of random numbers")
            elif isinstance(node, ast.Attribute) and name in ("random_state",) and isinstance(node.ctx, ast.Store):
                complain(node, "random_state is set", "give random_state=nbdgm.shifted(n) where the object is made")
        elif isinstance(node, ast.Call):
            for what, remedy in of_call(code, node):
                complain(node, what, remedy)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "random_state" and not streamed(code, value):
                    complain(node, f"random_state is {ast.unparse(value)}", "use nbdgm.shifted(n)")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.match(r"NBDGM_(SEED|STRETCH|CLAIMS)", node.value):
                complain(node, f"{node.value} is for whoever runs the chapter", "leave it alone")
        elif (
            isinstance(node, ast.Subscript)
            and hidden(node.slice)
            and re.search(r"__dict__|modules|\bvars\(|\bglobals\(", ast.unparse(node.value))
        ):
            complain(node, f"{ast.unparse(node)} is another source of random numbers")
    for name, path in code.imports.items():
        if ours(path, *STREAMS, "nbdgm.seed", "nbdgm.steps") and (code.bound[name] or name in defined(code)):
            found.append(f"{name} is imported from nbdgm and then given another meaning; choose another name for that")
    return found


def hidden(node: ast.expr) -> bool:
    """A string that names a source of random numbers."""
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return False
    return below(node.value, SOURCES) or node.value in [*NAMES, "Generator", "seed"]


def of_call(code: Code, call: ast.Call) -> Iterator[tuple[str, str]]:
    """What is wrong with a call: (what, remedy)."""
    path, text = code.path(call.func), ast.unparse(call.func)
    name = text.split(".")[-1]
    foreign = bool(path) and not path.startswith("nbdgm")
    if isinstance(call.func, ast.Attribute) and name == "seed" and not ours(path, "nbdgm.seed") and not below(path, SOURCES):
        yield f"{text}() seeds a stream", REMEDY
    if name in ("getattr", "__import__", "import_module", "attrgetter", "methodcaller") and any(map(hidden, call.args)):
        yield f"{ast.unparse(call)} is another source of random numbers", REMEDY
    if isinstance(call.func, ast.Name) and name in ("exec", "eval"):
        yield f"{name}() runs code that nobody can read here", "write it out"
    for keyword in call.keywords:
        of_streams = keyword.arg == "random_state" or (foreign and keyword.arg in ("seed", "rng", "random_seed", "prng"))
        if of_streams and not streamed(code, keyword.value):
            yield f"{keyword.arg}={ast.unparse(keyword.value)}", "use nbdgm.shifted(n) or nbdgm.rng(n)"
    if below(path, THIRSTY) and not any(k.arg in ("rng", "seed", "random_state") for k in call.keywords):
        yield f"{text}() begins anywhere", "give it seed=nbdgm.shifted(n) or rng=nbdgm.rng(n)"
    if ours(path, "nbdgm.seed", *STREAMS):
        for inner in ast.walk(call):
            called = inner.func if isinstance(inner, ast.Call) and inner is not call else None
            if called is not None and below(code.path(called) or ast.unparse(called), ENTROPY):
                yield f"{ast.unparse(call)} is another stream in every run", "give a fixed number"


def streamed(code: Code, value: ast.expr, seen: frozenset[str] = frozenset()) -> bool:
    """Does this come from the library's streams: a call of them, or a name that stands for nothing else?"""
    if any(isinstance(n, ast.Call) and ours(code.path(n.func), *STREAMS) for n in ast.walk(value)):
        return True
    for name in (n for n in ast.walk(value) if isinstance(n, ast.Name) and n.id not in seen):
        values = code.values(name)
        if values and all(streamed(code, v, seen | {name.id}) for v in values):
            return True
    return False


def defined(code: Code) -> dict[str, list[ast.AST]]:
    """The functions of a chapter by name; methods by theirs, a lambda by what it is bound to."""
    found = defaultdict(list)
    for node in code.walk():
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found[node.name].append(node)
    for name, pairs in code.bound.items():
        found[name] += [value for _, value in pairs if isinstance(value, ast.Lambda)]
    return {name: functions for name, functions in found.items() if functions}


# --- updates --------------------------------------------------------------------------------------------------------


def fixed_updates(code: Code) -> list[str]:
    """Every number of updates in the code that does not come from `nbdgm.steps`.

    Followed backwards from `play`, from `run` and `search` of an arena, and from loops that call `backward` or `step`: through
    names, and through arguments of the chapter's own functions.
    """
    names = {function: name for name, functions in defined(code).items() for function in functions}
    found: dict[str, None] = {}
    done: set[tuple[ast.AST, str]] = set()
    todo: list[tuple[ast.AST, ast.expr]] = []
    for node in code.walk():
        if isinstance(node, ast.Call):
            path, name = code.path(node.func), node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if ours(path, "nbdgm.play") or (name in ("run", "search") and not path):
                todo += [(node, value) for value in argument(node, "steps", 2)]
        elif isinstance(node, ast.For) and any(updates(n) for part in node.body for n in ast.walk(part)):
            todo.append((node, node.iter))
    while todo:
        node, value = todo.pop()
        leaves = trace(code, value)
        text = f"{code.where(node)}: {ast.unparse(value)[:60]}"
        if "budget" in leaves:
            found[f"{text}: this comes from budget(); numbers of updates belong to steps()"] = None
        elif leaves == {"number"}:
            found[f"{text}: this is a fixed number of updates; give it by steps()"] = None
        for parameter in (leaf for leaf in leaves if isinstance(leaf, tuple) and leaf not in done):
            done.add(parameter)
            todo += given(code, parameter, names.get(parameter[0], ""))
    return list(found)


def updates(node: ast.AST) -> bool:
    """A call that trains."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("backward", "step")


def argument(call: ast.Call, name: str, position: int) -> list[ast.expr]:
    """What a call gives as this argument, as far as that can be read."""
    by_name = [k.value for k in call.keywords if k.arg == name]
    plain = not any(isinstance(a, ast.Starred) for a in call.args[: position + 1])
    return by_name or [a for i, a in enumerate(call.args) if i == position and plain]


def trace(code: Code, value: ast.expr, seen: frozenset[str] = frozenset()) -> set:
    """Where a number of updates comes from: 'steps' alone if that is part of it; else any of 'budget', 'number' (of more than a
    few), 'unknown', and pairs of a function and one of its parameters. Of several values of a name, the worst decides.
    """
    leaves: set = set()
    for node in ast.walk(value):
        if isinstance(node, ast.Call) and ours(code.path(node.func), "nbdgm.steps"):
            return {"steps"}
        if isinstance(node, ast.Call) and ours(code.path(node.func), "nbdgm.budget"):
            leaves.add("budget")
        elif isinstance(node, ast.Constant) and isinstance(node.value, int):
            leaves |= {"number"} if node.value > FEW else set()
        elif isinstance(node, ast.Attribute):
            leaves.add("unknown")
        elif isinstance(node, ast.Name) and node.id not in seen and isinstance(node.ctx, ast.Load):
            found = trace_name(code, node, seen | {node.id})
            if found == {"steps"}:
                return found
            leaves |= found
    return leaves


def trace_name(code: Code, name: ast.Name, seen: frozenset[str]) -> set:
    """`trace` of a name, where it is used."""
    function = code.function(name)
    while function is not None:
        if name.id in parameters(function):
            return {(function, name.id)}
        function = code.function(function)
    values = code.values(name)
    if len(seen) > 6 or not values:
        return set() if name.id in BUILTIN else {"unknown"}
    found = [trace(code, value, seen) for value in values]
    worse = [leaves for leaves in found if leaves != {"steps"}]
    return set().union(*worse) if worse else {"steps"}


def parameters(function: ast.AST) -> list[str]:
    """The names of a function's parameters, those by position first."""
    return [a.arg for a in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]]


def given(code: Code, parameter: tuple[ast.AST, str], name: str) -> list[tuple[ast.AST, ast.expr]]:
    """What a function's parameter is given: by default, and in every call of the function's name."""
    function, wanted = parameter
    arguments = function.args
    places = [a.arg for a in [*arguments.posonlyargs, *arguments.args]]
    late = dict(zip(reversed(places), reversed(arguments.defaults), strict=False))
    late |= {a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None}
    found = [(function, late[wanted])] if wanted in late else []
    position = places.index(wanted) - (places[:1] == ["self"]) if wanted in places else -1
    for node in code.walk():
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name and called == name:
                found += [(node, value) for value in argument(node, wanted, position)]
    return found


# --- chapters -------------------------------------------------------------------------------------------------------


def complaints(chapter: Chapter) -> list[str]:
    """What keeps the chapter from being replicated as a whole."""
    cells = [(cell_name(c, i), source(c)) for i, c in enumerate(chapter.cells) if c["cell_type"] == "code"]
    code = Code(cells)
    return code.complaints + other_sources(code) + fixed_updates(code)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """List the complaints about these chapters; 1 if there are any."""
    from execute import select

    every = {path: complaints(read(path, root)) for path in select(arguments, root)}
    for path, found in every.items():
        print(f"{path.relative_to(root)}: {len(found) or 'nothing'} to complain of", *found, sep="\n    ")
    return int(any(every.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
