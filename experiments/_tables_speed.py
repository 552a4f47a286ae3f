"""The tables of the speed benchmark and of the step's profile, for `experiments.readme`."""

from typing import Any


def speed(results: dict[str, Any]) -> str:
    """The table of `speed`: ratios of seconds an epoch, medians and quartiles of rounds."""
    found = {(row["name"], row["metric"]): row["value"] for row in results["rows"]}

    def measured(name: str, metric: str, unit: str = "×") -> str:
        if (name, metric) not in found:
            return "not measured"
        median, low, high = (found[name, metric + part] for part in ("", " lower quartile", " upper quartile"))
        return f"{median:.3g}{unit} ({low:.3g}–{high:.3g})"

    def each(prefix: str, metric: str, without: tuple[str, ...]) -> str:
        names = [name for name, m in found if m == metric and name.startswith(prefix)]
        parts = ((name, name.removeprefix(prefix)) for name in names)
        return ", ".join(f"{part} {measured(name, metric)}" for name, part in parts if part not in without)
    rows = {}
    denoised = []
    for prefix in dict.fromkeys(name.removesuffix("ours") for name, m in found if m == "ratio to products"):
        rows[f"{prefix}: each library's epoch over ours"] = each(prefix, "ratio to ours",
                                                                 ("ours", "products", "denoising", "hand-written SGD"))
        rows[f"{prefix}: ours over its five bare products"] = measured(f"{prefix}ours", "ratio to products")
        rows[f"{prefix}: the least step, SGD written by hand, over ours"] = measured(f"{prefix}hand-written SGD",
                                                                                     "ratio to ours")
        denoised.append(f"{prefix}{measured(f'{prefix}denoising', 'ratio to ours')}")
    rows["denoising (masking) over standard"] = ", ".join(denoised)
    rows["other variants over standard, 784-30-784"] = each("variant ", "ratio", ("standard", "few images"))
    rows["convolutional, 32/64 channels: PyTorch's epoch over ours"] = each("convolutional ", "ratio", ("ours",))
    rows["`sweep`, 784-30-784: an epoch of all models over one of `fit`"] = each(
        "sweep ", "ratio", ("denoising, one fit", "standard, one fit"))
    rows["from shards on disk over from memory, 784-30-784"] = measured("streaming shards", "ratio")
    rows["`--precision bfloat16` over float32, 784-500-784"] = measured("precision bfloat16", "ratio")
    exponent = found.get(("scaling exponent in images", "exponent"))
    rows["exponent of an epoch's seconds in the number of images"] = (
        "not measured" if exponent is None else f"{exponent:.2f}")
    rows["the answer to `--help`"] = measured("aejax --help", "duration", " s")
    rows["`aejax compare`, nothing compiled before"] = measured("aejax compare, cold", "duration", " s")
    lines = ["| work | measured |", "|---|---|"]
    lines += [f"| {work.replace(' :', ':')} | {text or 'not measured'} |" for work, text in rows.items()]
    versions = ", ".join(f"{name} {results['versions'][name]}" for name in
                         ("jax", "torch", "pythae", "scikit-learn", "keras") if name in results["versions"])
    lines.append(f"\nBy `{results['command']}` in {results['minutes']:.0f} minutes on {results['device']} "
                 f"({results['processor']}): MNIST, 60,000 images, batch 256, Adam; medians (quartiles) of rounds in "
                 f"which all take turns; ours with history and validation on 10,000 images. {versions}.")
    return "\n".join(lines) + "\n"


def speed_variants(results: dict[str, Any]) -> str:
    """An epoch of each variant over one of the standard autoencoder of the same network."""
    found = {(row["name"], row["metric"]): row for row in results["rows"]}
    names = [name for name, metric in found if metric == "ratio" and name.startswith("variant ")]
    lines = ["| 784-30-784 | an epoch over one of `standard` |", "|---|---:|"]
    for name in sorted(set(names) - {"variant standard", "variant few images"},
                       key=lambda name: found[name, "ratio"]["value"]):
        parts = ("ratio", "ratio lower quartile", "ratio upper quartile")
        median, low, high = (found[name, part]["value"] for part in parts)
        lines.append(f"| {name.removeprefix('variant ')} | {median:.3g}× ({low:.3g}–{high:.3g}) |")
    rounds = found[names[0], "ratio"]["n"]
    lines.append(f"\nBy `{results['command']}` on {results['device']}: MNIST, batch 256, Adam; medians (quartiles) of "
                 f"{rounds} rounds in which all take turns.")
    return "\n".join(lines) + "\n"


def profile(results: dict[str, Any]) -> str:
    """The table of `step_profile`: µs a step by the clock, and of threads by kind of work."""
    found = {(row["name"], row["metric"]): row["value"] for row in results["rows"]}
    names, kinds = (list(dict.fromkeys(key[part] for key in found)) for part in (0, 1))
    lines = ["| µs a step | " + " | ".join(kinds) + " |", "|---" + "|---:" * len(kinds) + "|"]
    lines += [f"| {name} | " + " | ".join(f"{found[name, kind]:,.0f}" for kind in kinds) + " |" for name in names]
    lines.append(f"\nBy `{results['command']}` on {results['device']}: batch 256, Adam, MNIST; the clock without the "
                 "profiler (median), the kinds of work with it, summed over threads.")
    return "\n".join(lines) + "\n"


def convolution_cost(results: dict[str, Any]) -> str:
    """The table of `convolution_cost`: ms a step, alone and in a loop."""
    found = {(row["name"], row["metric"]): row["value"] for row in results["rows"]}
    ways = ("alone", "in a loop")
    lines = ["| ms a step | " + " | ".join(ways) + " |", "|---|---:|---:|"]
    for name in dict.fromkeys(name for name, _ in found):
        cells = ("{:.3g} ({:.3g}–{:.3g})".format(*(found[name, f"step {way}{part}"] for part in (
            "", " lower quartile", " upper quartile"))) for way in ways)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines.append(f"\nBy `{results['command']}` on {results['device']}: two 3×3 convolutions with their gradients, "
                 f"batch 256; medians (quartiles) of {results['rows'][0]['n']} rounds in turn.")
    return "\n".join(lines) + "\n"
