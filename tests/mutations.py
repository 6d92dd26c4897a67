"""Ways to damage or to forge the files of a run: what `tests.fuzz` draws from.

Every mutation takes a `Target` and the case's random numbers, changes files, and returns what must
become of it: "same" (the model that was saved), "refused", "either" of these two, or "forged":
refused, or a model of the wanted epoch, since who changes a number and the hash beside it cannot be
told from who trained that number.
"""

import io
import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import yaml

Outcome = Literal["same", "refused", "either", "forged"]

PLANTED = "planted_module"

_NESTED: list[Any] = []
for _ in range(400):
    _NESTED = [_NESTED]

ODD: list[Any] = [
    None, True, False, -1, -5, 0, 1, 2, 7, 10**6, 10**9, 10**18, 10**400, -(10**30), 1.5, -0.0,
    1e308, 1e-320, float("nan"), float("inf"), "", "x", "3", "1.5", "nan", "../x", "/etc/passwd",
    "a" * 100_000, "\0", "\ud800", "ß\u202e", [], {}, [[]], [None], {"": 0}, [1] * 3000,
    {f"k{i}": i for i in range(1000)}, _NESTED, f"{PLANTED}:Manager", "os:system", [f"{PLANTED}:f"],
]  # fmt: skip


class Target(NamedTuple):
    """The checkpoint of one epoch in a copy of a run.

    Attributes:
        epoch: that is going to be loaded.
        scratch: an empty folder outside the run.
    """

    run: Path
    epoch: int
    scratch: Path

    @property
    def folder(self) -> Path:
        return self.run / "model_saving" / f"epoch_{self.epoch:03d}"

    def sibling(self, epoch: int) -> Path:
        return self.folder.with_name(f"epoch_{epoch:03d}")

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir())

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.folder / "manifest.json").read_text())

    def write_manifest(self, manifest: object) -> None:
        (self.folder / "manifest.json").write_text(json.dumps(manifest))

    def rehash(self) -> None:
        """What somebody does who wants a changed file to be believed."""
        manifest = self.manifest
        for name in manifest["files"]:
            content = (self.folder / name).read_bytes()
            manifest["files"][name] = {"sha256": sha256(content).hexdigest(), "bytes": len(content)}
        self.write_manifest(manifest)


Mutation = Callable[[Target, random.Random], Outcome]

# Bytes


def damage_bytes(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """Flips, cuts, insertions and splices, as disks and transfers make them."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 5, 50])):
        at = rng.randrange(len(changed) + 1)
        length = rng.choice([1, 2, 8, 64, 1000])
        match rng.randrange(7):
            case 0 if changed:
                changed[at - 1] ^= 1 << rng.randrange(8)
            case 1:
                del changed[at:]
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = rng.randbytes(length)
            case 4:
                changed[at : at + length] = bytes(length)
            case 5:
                other = rng.choice(others)
                begin = rng.randrange(len(other) + 1)
                changed[at : at + length] = other[begin : begin + length]
            case _:
                changed[at : at + length] = rng.choice([b"\xff", b"\n", b"[", b"9", b"'"]) * length
    return bytes(changed)


def _damaged_file(target: Target, rng: random.Random) -> Path:
    path = rng.choice(target.files)
    others = [other.read_bytes() for other in target.files]
    path.write_bytes(damage_bytes(path.read_bytes(), rng, others))
    return path


def damaged(target: Target, rng: random.Random) -> Outcome:
    _damaged_file(target, rng)
    return "either"


def damaged_and_rehashed(target: Target, rng: random.Random) -> Outcome:
    if _damaged_file(target, rng).name != "manifest.json":
        target.rehash()
    return "forged"


# Special files


def special_file(target: Target, rng: random.Random) -> Outcome:
    path = rng.choice([*target.files, target.run / "model_saving/config.yaml"])
    content = path.read_bytes()
    path.unlink()
    match rng.randrange(8):
        case 0:
            os.mkfifo(path)
        case 1:
            path.symlink_to("/dev/zero")
        case 2:
            (target.scratch / "elsewhere").write_bytes(content)
            path.symlink_to(target.scratch / "elsewhere")
        case 3:
            path.mkdir()
        case 4:
            path.symlink_to(path.name)
        case 5:
            path.symlink_to("nowhere")
        case 6:
            path.touch()
            os.truncate(path, 3 * 2**30)
    # The run's own config beside the checkpoints only says that this is a run.
    return "either" if path.parent != target.folder else "refused"


def sparse_and_believed(target: Target, rng: random.Random) -> Outcome:
    path = rng.choice([file for file in target.files if file.name != "manifest.json"])
    if rng.random() < 0.3:
        path = target.folder / "config.yaml"
    size = rng.choice([2**28, 2**31, 60 * 10**9, 2**36])
    os.truncate(path, size)
    manifest = target.manifest
    manifest["files"][path.name]["bytes"] = size
    target.write_manifest(manifest)
    return "refused"


# Structure of JSON and YAML


def altered(value: Any, rng: random.Random) -> Any:
    """The value with one of its parts changed, removed, added or put elsewhere."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(sorted(value, key=str))
        match rng.randrange(6):
            case 0:
                return {key: part for key, part in value.items() if key != name}
            case 1:
                return value | {rng.choice(["new", "", name.upper(), "../x", 3]): value[name]}
            case _:
                return value | {name: altered(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        match rng.randrange(4):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return [*value, value[at]]
            case _:
                return [*value[:at], altered(value[at], rng), *value[at + 1 :]]
    return rng.choice(ODD)


def altered_manifest(target: Target, rng: random.Random) -> Outcome:
    target.write_manifest(altered(target.manifest, rng))
    return "either"


def hostile_manifest(target: Target, rng: random.Random) -> Outcome:
    manifest = target.manifest
    files, names = manifest["files"], list(manifest["files"])
    content = (target.folder / names[0]).read_bytes()
    entry = {"sha256": sha256(content).hexdigest(), "bytes": len(content)}
    match rng.randrange(9):
        case 0:
            manifest["files"] = {}
        case 1:
            del files[rng.choice(names)]
        case 2:
            (target.run / "outside").write_bytes(content)
            files["../../outside"] = entry
        case 3:
            (target.scratch / "outside").write_bytes(content)
            files[str(target.scratch / "outside")] = entry
        case 4:
            manifest["epoch"] = rng.choice([-5, 10**6, 10**30, True, 3.0, "3", None])
        case 5:
            files[rng.choice(names)] = rng.choice(ODD)
        case 6:
            files.update((f"{'x' * rng.randrange(300)}{i}", entry) for i in range(30_000))
        case 7:
            old = rng.choice(names)
            files[rng.choice([f"./{old}", f"x/../{old}", f"{old}/", old.upper()])] = files.pop(old)
        case _:
            nested = "[" * 100_000
            (target.folder / "manifest.json").write_text(
                rng.choice([nested, f'{{"a":{nested}', ""])
            )
            return "refused"
    target.write_manifest(manifest)
    return "refused"


def altered_history(target: Target, rng: random.Random) -> Outcome:
    path = target.folder / "history.json"
    path.write_text(json.dumps(altered(json.loads(path.read_text()), rng)))
    target.rehash()
    return "forged"


def altered_config(target: Target, rng: random.Random) -> Outcome:
    path = target.folder / "config.yaml"
    path.write_bytes(hostile_yaml(path.read_text(), rng))
    target.rehash()
    return "forged"


def hostile_yaml(text: str, rng: random.Random) -> bytes:
    """A config with one part changed, or text that is meant to keep a reader busy."""
    bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
    )
    merged = "m0: &m0 {a: 1}\n" + "".join(
        f"m{i}: &m{i} {{<<: [{','.join([f'*m{i - 1}'] * 9)}]}}\n" for i in range(1, 9)
    )
    hostile = [
        bomb, merged, "a: &a [*a]", "[" * 50_000, "{a: " * 50_000, "- " * 50_000,
        "".join(f"k{i}: 1\n" for i in range(25_000)), "exp: {" + "".join(
        f"k{i}: 1, " for i in range(15_000)) + "}", f"exp: {{seed: 1{':10' * 20_000}}}",
        f"exp: {{seed: 0x{'f' * 50_000}}}", 'exp: {seed: !!int ""}', 'exp: {seed: !!bool "x"}',
        'exp: {seed: !!timestamp "x"}', "exp: !!python/object/apply:os.getpid []",
        f"exp: !!python/name:{PLANTED}.f", "exp: {seed: 1, seed: 2}", "\0", "\ufeffexp: {}",
        f"graph: {{base_graph_manager: '{PLANTED}:Manager'}}",
        f"evaluation: {{extractors: ['{PLANTED}:f']}}", "? {a: b}\n: c", "a" * 300_000,
    ]  # fmt: skip
    if rng.random() < 0.3:
        return rng.choice(hostile).encode()
    changed = altered(yaml.safe_load(text), rng)
    try:
        return yaml.safe_dump(changed, sort_keys=False, allow_unicode=True).encode()
    except (yaml.YAMLError, RecursionError, UnicodeEncodeError):
        return rng.choice(hostile).encode()


# States and graphs


def forged_state(target: Target, rng: random.Random) -> Outcome:
    path = rng.choice([file for file in target.files if file.suffix == ".eqx"])
    stream, arrays = io.BytesIO(path.read_bytes()), []
    while stream.tell() < len(stream.getbuffer()):
        arrays.append(np.load(stream))
    at = rng.randrange(len(arrays))
    array, outcome = arrays[at].copy(), "forged"
    headers: dict[int, bytes] = {}
    match rng.randrange(8):
        case 0 if array.dtype.kind == "f":
            array.ravel()[: rng.randrange(1, 9)] = rng.choice([np.nan, np.inf, -np.inf])
            outcome = "refused" if at < 2 or np.isnan(array).any() else "forged"
        case 1:
            array, outcome = array.astype(rng.choice(["f8", "f2", "i1", "c8", "S3", "?"])), "either"
        case 2:
            array = np.concatenate([array.ravel()] * 2)
        case 3:
            headers[at] = _header(rng)
        case 4:
            array = np.zeros_like(array)
        case 5:
            array = np.full_like(array, np.array(rng.choice([-1, 1, 100])).astype(array.dtype))
        case 6:
            del arrays[at:]
            outcome = "refused"
        case _:
            arrays[at:at] = [array]
            outcome = "refused"
    if at < len(arrays):
        arrays[at] = array
    written = io.BytesIO()
    for number, each in enumerate(arrays):
        written.write(headers.get(number, b""))
        if number not in headers:
            np.save(written, each)
    path.write_bytes(written.getvalue())
    target.rehash()
    return outcome


def forged_graph(target: Target, rng: random.Random) -> Outcome:
    path = rng.choice([file for file in target.files if file.suffix == ".npz"])
    with np.load(path) as content:
        arrays = dict(content)
    name = rng.choice(sorted(arrays))
    raw: dict[str, bytes] = {}
    match rng.randrange(8):
        case 0:
            raw[name] = _header(rng)
        case 1:
            big = io.BytesIO()
            np.save(big, np.zeros(2**26, np.int32))
            raw[name] = big.getvalue()
        case 2:
            arrays[name] = arrays[name].astype(rng.choice(["i8", "f4", "u1", "?"]))
        case 3:
            arrays[name].ravel()[0] = rng.choice([-1, 2**31 - 1, 0, 5])
        case 4:
            del arrays[name]
        case 5:
            arrays[name] = np.concatenate([arrays[name]] * 2)
        case 6:
            arrays[name] = arrays[name][..., None]
        case _:
            raw.update((f"more{i}", b"") for i in range(20_000))
    way = rng.choice(
        [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2]
    )
    with zipfile.ZipFile(path, "w", way if len(raw) < 2 else zipfile.ZIP_STORED) as entries:
        for each, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array)
            entries.writestr(f"{each}.npy", raw.get(each, content.getvalue()))
        for each in raw.keys() - arrays.keys():
            entries.writestr(f"{each}.npy", raw[each])
    target.rehash()
    return "refused"


def packed_graph(target: Target, rng: random.Random) -> Outcome:
    """A small file that becomes a large graph, of edges that are the same or that are not."""
    path = rng.choice([file for file in target.files if file.suffix == ".npz"])
    n = rng.choice([10**4, 10**6, 2 * 10**7])
    with np.load(path) as content:
        arrays = dict(content)
    arrays["edges"] = np.zeros((n, 2), np.int32)
    arrays["edges"][:, 1] = 1 if rng.random() < 0.5 else np.arange(n)
    arrays["weight_of_edge"] = np.zeros(n, np.int32)
    if rng.random() < 0.3:
        arrays["colors"] = np.arange(n, dtype=np.int32) % 2
        arrays["bias_of_node"] = np.zeros(n, np.int32)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as entries:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array)
            entries.writestr(f"{name}.npy", content.getvalue())
    target.rehash()
    return "refused"


def many_manifests(target: Target, rng: random.Random) -> Outcome:
    """Hundreds of checkpoints more, whose large manifests may be of another epoch or broken."""
    manifest = target.manifest
    manifest["padding"] = ["x"] * rng.choice([0, 10**4, 80_000, 200_000])
    content = json.dumps(manifest)
    large = target.scratch / "large.json"
    large.write_text(rng.choice([content, content[:-1], "[" * len(content)]))
    for epoch in range(4, 4 + rng.choice([50, 400])):
        target.sibling(epoch).mkdir()
        os.link(large, target.sibling(epoch) / "manifest.json")
    return "same"


def _header(rng: random.Random) -> bytes:
    """Of an array that is not there."""
    shape = rng.choice([
        "(10**18,)", "(1000000000000000000,)", "(-1,)", "(4000000000,)", "()", "(1,", "((((",
        "(0, 1000000000000000000)", "(True,)", "('a',)", "(" * 500,
    ])  # fmt: skip
    kind = rng.choice(["<f4", "<i4", "|O", "<V999999999", "nonsense", "<U7", ">f4"])
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    length = rng.choice([len(text) + 1, 118, 60_000])
    text = text.ljust(length - 1)[: length - 1] + "\n"
    version = rng.choice([b"\x01\0", b"\x01\0", b"\x02\0", b"\x09\0"])
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text.encode()


# Files and folders in the wrong place


def swapped_files(target: Target, rng: random.Random) -> Outcome:
    """Of two steps, or of two epochs, and believed."""
    if rng.random() < 0.5:
        for suffix in rng.choice([[".eqx"], ["_graph.npz"], [".eqx", "_graph.npz"]]):
            ours, theirs = (target.folder / f"step_{step:02d}{suffix}" for step in (0, 1))
            content = ours.read_bytes()
            ours.write_bytes(theirs.read_bytes())
            theirs.write_bytes(content)
    else:
        other = rng.choice([epoch for epoch in range(4) if epoch != target.epoch])
        name = rng.choice(["step_00.eqx", "step_01.eqx", "history.json"])
        shutil.copy(target.sibling(other) / name, target.folder / name)
    target.rehash()
    return "refused"


def another_epoch(target: Target, rng: random.Random) -> Outcome:
    """The whole of an older checkpoint, as it is or with the wanted number written over it."""
    other = rng.choice([epoch for epoch in range(4) if epoch != target.epoch])
    shutil.rmtree(target.folder)
    shutil.copytree(target.sibling(other), target.folder)
    if rng.random() < 0.7:
        target.write_manifest(target.manifest | {"epoch": target.epoch})
    return "refused"


def odd_folder(target: Target, rng: random.Random) -> Outcome:
    """Something beside the checkpoints that claims nothing, or is left by a crash."""
    saving = target.folder.parent
    name = rng.choice([
        "epoch_003 (copy)", "epoch_003.saving", "epoch_009.saving", "epoch_003.bad", "epoch_best",
        "epoch_", "epoch_x", "epoch_٣", "EPOCH_009", "epoch_-01", f"epoch_{'9' * 200}", ".hidden",
        f"epoch_{target.epoch:03d}.replaced", f"epoch_{target.epoch:04d}",
    ])  # fmt: skip
    match rng.randrange(4):
        case 0:
            (saving / name).mkdir()
        case 1:
            (saving / name).write_text("")
        case 2:
            (saving / name).symlink_to(target.folder)
        case _:
            shutil.copytree(target.folder, saving / name)
    return "same"


def left_by_a_crash(target: Target, rng: random.Random) -> Outcome:
    """Killed between the two renames of a save."""
    target.folder.rename(target.folder.with_name(f"{target.folder.name}.replaced"))
    if rng.random() < 0.5:
        target.folder.with_name(f"{target.folder.name}.saving").mkdir()
    return "same"


def newer_and_broken(target: Target, rng: random.Random) -> Outcome:
    """Something with the name of a later checkpoint; it matters to who asks for the last one."""
    path = target.sibling(4)
    match rng.randrange(6):
        case 0:
            path.mkdir()
        case 1:
            path.write_text("")
        case 2:
            path.symlink_to(target.folder)
        case 3:
            shutil.copytree(target.folder, path)
        case 4:
            path.mkdir()
            (path / "manifest.json").write_text("{")
        case _:
            shutil.copytree(target.folder, path.with_name("epoch_0004"))
    return "same"


def older_format(target: Target, rng: random.Random) -> Outcome:
    """As the library's first checkpoints were, which this one is not: nothing behind the states."""
    for path in target.folder.glob("*.eqx"):
        content = path.read_bytes()
        path.write_bytes(content[: content.rindex(b"\x93NUMPY")])
    target.rehash()
    if rng.random() < 0.8:
        target.write_manifest(target.manifest | {"steps_identified": False})
    return "refused"


def removed(target: Target, rng: random.Random) -> Outcome:
    path = rng.choice(target.files)
    path.unlink()
    return "refused"


CHECKPOINT_MUTATIONS: dict[Mutation, int] = {
    damaged: 20, damaged_and_rehashed: 20, special_file: 8, sparse_and_believed: 2,
    altered_manifest: 10, hostile_manifest: 8, altered_history: 10, altered_config: 12,
    forged_state: 12, forged_graph: 8, swapped_files: 5, another_epoch: 3, odd_folder: 5,
    packed_graph: 2, many_manifests: 2, left_by_a_crash: 2, newer_and_broken: 4,
    older_format: 2, removed: 2,
}  # fmt: skip
