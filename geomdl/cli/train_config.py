"""Configuration of a training run: a YAML file, and the command line over it."""

import argparse
import ast
import difflib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from geomdl.cli import train_presets, train_schema

FLAGS = {"-h": "help", "--help": "help", "--print_config": "print", "--print-config": "print"}
SHORT = {
    "epochs": "fit.epochs",
    "batch_size": "fit.batch_size",
    "lr": "fit.lr",
    "data": "data.name",
    "root": "data.root",
    "n": "data.options.n",
    "model": "model.name",
}
Pairs = list[tuple[str, str]]


def scan(words: Sequence[str]) -> tuple[str | None, Pairs, set[str]]:
    """Take a command line apart; every option but the flags has a value.

    Args:
        words: after `geomdl train`.

    Returns:
        What to train (None if it does not say), (key, text) in their order, flags among `"help"`
        and `"print"`.

    Raises:
        ValueError: an option without value, or a second thing to train.

    Example:
        >>> scan(["translation/mlp", "--epochs", "3", "--model.width=64", "--print_config"])
        ('translation/mlp', [('fit.epochs', '3'), ('model.width', '64')], {'print'})
    """
    found: list[str] = []
    pairs: Pairs = []
    flags: set[str] = set()
    rest = iter(words)
    for word in rest:
        if word in FLAGS:
            flags.add(FLAGS[word])
        elif not word.startswith("--"):
            found.append(word)
        else:
            name, equals, text = word[2:].partition("=")
            value = text if equals else next(rest, None)
            if value is None:
                raise ValueError(f"--{name}: expected a value, got none")
            name = name.replace("-", "_")
            if name == "set":
                pairs += [(f"model.{k}", _text(v)) for k, v in settings([value]).items()]
            else:
                pairs.append((SHORT.get(name, name), value))
    if len(found) > 1:
        raise ValueError(f"model: expected one name or file, got {' '.join(found)}")
    return (found[0] if found else None), pairs, flags


def settings(pairs: list[str]) -> dict[str, Any]:
    """Arguments of a constructor from words like `channels=16`.

    Args:
        pairs: NAME=VALUE; the value is a Python literal, or else a string.

    Returns:
        name -> value.

    Raises:
        ValueError: a word without a name or an equals sign.

    Example:
        >>> settings(["channels=16", "shape=(9, 9)", "group=D4"])
        {'channels': 16, 'shape': (9, 9), 'group': 'D4'}
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"--set: expected NAME=VALUE, got {pair!r}")
        try:
            found[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            found[name] = text
    return found


def read(path: str) -> dict[str, Any]:
    """The mapping in a YAML file.

    Args:
        path: of the file.

    Returns:
        The mapping; `model: NAME` and `data: NAME` become `{name: NAME}`.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it holds no YAML, or no mapping.
    """
    import yaml

    if not Path(path).is_file():
        raise FileNotFoundError(f"config: no file {path!r}")
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"config: {path} is no YAML: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"config: {path} should hold a mapping, got {type(found).__name__}")
    return {
        k: {"name": v} if k in ("model", "data") and isinstance(v, str) else v
        for k, v in found.items()
    }


def resolve(what: str, pairs: Pairs) -> dict[str, Any]:
    """The whole configuration: defaults, under the file, under the command line.

    Args:
        what: name of a registered model, "potential", "property", or path of a YAML file.
        pairs: (key, text) of the command line; the last one wins.

    Returns:
        Nested dicts with every key: `model`, `data`, `fit`, `seed`, `out`, `folder`, `loss` of
        potentials, and `target` of other models of atoms.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an unknown name or key (near ones are named), or a value of another type.
    """
    if what.endswith((".yaml", ".yml")):
        tree = read(what)
        model = tree.get("model")
        name = model.get("name") if isinstance(model, dict) else None
    else:
        tree, name = {"model": {"name": what}}, what
    asked = dict(pairs).get("model.name", name)
    if not isinstance(asked, str):
        raise ValueError(f"model.name: expected a registered model in {what}, got {asked!r}")
    under = train_presets.preset(asked)
    if name in train_presets.SHORT:
        kind, usual = train_presets.SHORT[name]
        if train_presets.kind_of(asked) != kind:
            raise ValueError(
                f"model.name: expected a model for {name}, like {usual['name']}, got {asked!r}"
            )
    name = under.get("model", {}).get("name", asked)
    whole = train_schema.parser(name)
    keys = [action.dest for action in whole._actions]
    known = [*(key for key in keys if key != "help"), "model.name"]
    words = []
    for key, text in [*_leaves(under, known), *_leaves(tree, known), *pairs]:
        if key != "model.name":
            _check(key, known)
            words.append(f"--{key}={text}")
    try:
        found = whole.parse_args(words).as_dict()
    except argparse.ArgumentError as error:
        raise ValueError(_readable(str(error))) from None
    found["model"] = {"name": name} | found.get("model", {})
    order = ("model", "data", "target", "loss", "fit", "seed", "out", "folder")
    return {key: found[key] for key in order if key in found}


def to_yaml(config: dict[str, Any]) -> str:
    """A configuration as a file that `resolve` reads back.

    Example:
        >>> print(to_yaml({"model": {"name": "a/b", "widths": (8, 16)}, "seed": 0}))
        model:
          name: a/b
          widths:
          - 8
          - 16
        seed: 0
        <BLANKLINE>
    """
    import yaml

    return str(yaml.safe_dump(json.loads(json.dumps(config)), sort_keys=False, allow_unicode=True))


def _leaves(tree: dict[str, Any], known: list[str], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if key in known:
            yield key, _text(value)
        elif not any(one.startswith(f"{key}.") for one in known):
            _check(key, [*known, "model", "data", "fit"])
        elif isinstance(value, dict | None):  # nothing below a heading is no mistake
            yield from _leaves(value or {}, known, f"{key}.")
        else:
            raise ValueError(f"{key}: expected keys and values, got {value!r}")


def _check(key: str, known: list[str]) -> None:
    if key in known or key.startswith("data.options."):
        return
    near = difflib.get_close_matches(key, known, n=3)
    hint = f"near ones: {', '.join(near)}" if near else f"there are {', '.join(known)}"
    raise ValueError(f"{key}: no such key; {hint}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _readable(message: str) -> str:
    """One line from what jsonargparse says in several."""
    line = " ".join(message.split())
    line = re.sub(r"^(?:.*?)Parser key \"([\w.]+)\":\s*", r"\1: ", line)
    return re.sub(r"Expected an? <class '([\w.]+)'>\. Got value: ", r"expected \1, got ", line)
