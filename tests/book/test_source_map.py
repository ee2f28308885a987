"""The data behind the appendix: source map, errata, glossary, reading list and bibliography are complete and consistent."""

import re
from collections import Counter
from pathlib import Path

import chapters
import pytest
import yaml
from pybtex.database import parse_file

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tools" / "data"
PREFIX = {"system": "S", "equation": "E", "table": "T", "figure": "D", "question": "F", "beyond": "B"}
ID = re.compile(r"S-\d\d|E-13\.(\d{1,2}|A\d)|E-00[0-3]-(\d\d[a-z]?|D\d)|T-002-\d|ERR-00[0-4]-\d\d|D-\d\d|F-\d\d|B-\d\d")
SOURCES = {"textbook", "slides", "lecture", "gan-qp", "variational-inference", "book", "papers"}
NUMBERED = {
    "13.": "textbook",
    "000": "slides",
    "001": "lecture",
    "002": "gan-qp",
    "003": "variational-inference",
    "004": "textbook",
}
CHAPTERS = {
    "generative_models": """density_and_sampling latent_variables_and_em hidden_markov_models autoregressive_models
        pixelcnn_and_pixelrnn energy_based_models restricted_boltzmann_machines deep_belief_and_deep_boltzmann""",
    "vae": """autoencoders variational_inference gradients_of_expectations wake_sleep variational_autoencoders
        posterior_collapse draw""",
    "gan": """generative_adversarial_networks what_a_gan_minimises dcgan mode_collapse least_squares_and_f_gan
        wasserstein_distance wasserstein_gan gan_qp gan_as_variational_inference""",
    "extensions": """conditional_gan infogan bigan_and_ali adversarial_autoencoders semi_supervised_gan
        laplacian_pyramid_gan domain_adversarial_networks discrete_outputs likelihood_and_samples""",
    "beyond": "normalizing_flows diffusion flow_matching side_by_side",
}
PLANNED = {f"book/{part}/{n}_{name}" for part, names in CHAPTERS.items() for n, name in enumerate(names.split(), start=1)}
PLANNED |= {"book/generative_models/1b_divergences_and_likelihood", "book/vae/6b_sentence_vae"}  # split off; the numbers stayed
BESIDE = "7b_cyclegan 8b_conditional_sequences 8c_inverse_reinforcement_learning 9b_measuring_samples"
PLANNED |= {f"book/extensions/{name}" for name in BESIDE.split()} | {"book/beyond/2b_guidance"}
MATHS = re.compile(r"\$([^$]+)\$")


def load(name: str) -> list[dict]:
    return yaml.safe_load((DATA / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def entries() -> list[dict]:
    return load("source_map.yml")


@pytest.fixture(scope="module")
def errata() -> list[dict]:
    return load("errata.yml")


@pytest.fixture(scope="module")
def references() -> dict:
    return parse_file(str(ROOT / "book" / "references.bib"), bib_format="bibtex").entries


def numbered(entries: list[dict], pattern: str) -> list[int]:
    return [int(m[1]) for e in entries if (m := re.fullmatch(pattern, e["id"]))]


def test_ids_are_unique_and_well_formed(entries):
    names = [e["id"] for e in entries]
    assert [n for n, count in Counter(names).items() if count > 1] == []
    assert [n for n in names if not ID.fullmatch(n)] == []
    assert [e["id"] for e in entries if not e["id"].startswith(PREFIX[e["kind"]] + "-")] == []


def test_nothing_is_missing(entries):
    """The counts of the inventory; equations printed under a joint number (13.13 to 13.15, for example) are counted singly."""
    count = Counter(e["kind"] for e in entries)
    assert numbered(entries, r"B-(\d\d)") == [*range(1, count.pop("beyond") + 1)]
    assert count == {"system": 82, "equation": 199, "table": 2, "figure": 38, "question": 23}
    assert numbered(entries, r"S-(\d\d)") == [*range(1, 47), *range(50, 86)]
    assert numbered(entries, r"E-13\.(\d+)") == [*range(1, 41)]
    for source, last in {"000": 34, "001": 45, "002": 18, "003": 43}.items():
        assert numbered(entries, rf"E-{source}-(\d\d)") == [*range(1, last + 1)]
    assert numbered(entries, r"D-(\d\d)") == [*range(1, 39)]
    assert numbered(entries, r"F-(\d\d)") == [*range(1, 24)]


def test_every_entry_says_what_it_must(entries):
    needed = {
        "system": {"tier"},
        "equation": {"tex", "status"},
        "table": set(),
        "figure": {"measure"},
        "question": set(),
        "beyond": {"tex", "papers"},
    }
    common = {"id", "kind", "title", "text", "source", "where", "chapter"}
    for e in entries:
        must = common | needed[e["kind"]]
        assert must <= e.keys() <= must | {"errata", "see"}, e["id"]
        assert all(e[k] for k in e), e["id"]
        assert e.get("tier") in (None, 1, 2, 3), e["id"]
        assert e.get("status") in (None, "as printed", "corrected", "derived"), e["id"]


def test_sources_are_named_and_agree_with_the_numbers(entries):
    for e in entries:
        sources = [e["source"]] if isinstance(e["source"], str) else e["source"]
        assert set(sources) <= SOURCES and len(set(sources)) == len(sources), e["id"]
        if number := re.match(r"(?:E|T|ERR)-(13\.|00\d)", e["id"]):
            assert sources[0] == NUMBERED[number[1]], e["id"]
        texts = " ".join(str(v) for k, v in e.items() if k not in ("id", "errata", "see"))
        assert not re.search(r"\.txt|(?<![-.,\d])00[0-4](?![-.\d])", texts), f"{e['id']}: sources go by their titles"


def test_chapters_are_those_of_the_plan(entries):
    assert len(PLANNED) == 44
    assert {e["chapter"] for e in entries} - PLANNED == set()
    written = {
        str(p.relative_to(ROOT).with_suffix("")) for part in CHAPTERS for p in (ROOT / "book" / part).glob("[0-9]*_*.ipynb")
    }
    assert written <= PLANNED


def test_references_between_entries_exist(entries, errata):
    known = {e["id"]: e for e in [*entries, *errata]}
    for e in entries:
        named = {*e.get("errata", []), *e.get("see", [])}
        named |= {
            m[0] for k, v in e.items() if isinstance(v, str) and k != "id" for m in re.finditer(rf"\b(?:{ID.pattern})", v)
        }
        assert named <= known.keys(), e["id"]
        assert all(n.startswith("ERR-") for n in e.get("errata", [])), e["id"]
    explained = {n for e in entries for n in e.get("errata", [])}
    corrected = [e["id"] for e in entries if e.get("status") == "corrected" and not e.get("errata")]
    assert corrected == [], "a corrected equation names the erratum that explains it"
    assert len(explained) >= 20


def test_what_lies_beyond_the_sources_names_its_papers(entries, references):
    for e in entries:
        assert ("papers" in e) == (e["kind"] == "beyond") == (e["source"] == "papers"), e["id"]
        assert [k for k in e.get("papers", []) if k not in references] == [], e["id"]
        assert e["chapter"].startswith("book/beyond/") or e["kind"] != "beyond", e["id"]


def test_formulas_are_balanced(entries):
    """What can be seen without a renderer; the test of the built pages renders every formula."""
    for e in entries:
        assert "$" not in e.get("tex", ""), e["id"]
        formulas = [e["tex"]] if "tex" in e else []
        for k, v in e.items():
            if isinstance(v, str) and k != "tex":
                assert v.count("$") % 2 == 0, (e["id"], k)
                formulas += MATHS.findall(v)
        for tex in formulas:
            bare = tex.replace(r"\{", "").replace(r"\}", "")
            assert bare.count("{") == bare.count("}"), (e["id"], tex)
            assert len(re.findall(r"\\left\b", tex)) == len(re.findall(r"\\right\b", tex)), (e["id"], tex)
            assert re.findall(r"\\begin\{(\w+)\}", tex) == re.findall(r"\\end\{(\w+)\}", tex), (e["id"], tex)
            assert not re.search(r"[\u4e00-\u9fff]", tex), (e["id"], tex)


class TestErrata:
    """What the sources got wrong is said with their own words, or not at all."""

    def test_are_those_of_the_audit(self, errata):
        names = [e["id"] for e in errata]
        assert len(names) == len(set(names)) == 25
        verdicts = Counter(e["verdict"] for e in errata)
        assert verdicts == {"real error": 9, "misprint": 14, "loose": 2}
        boxes = {frozenset([e["id"], *e.get("names", [])]) for e in errata if e["verdict"] == "real error"}
        assert len(boxes) == 7, "nine real errors in seven boxes"
        assert {e["id"] for e in errata if e["keep"] == "chapter"} <= {i for box in boxes for i in box}

    def test_say_what_they_must(self, errata):
        must = {"id", "source", "title", "where", "quote", "lines", "verdict", "sentence", "keep", "chapter"}
        for e in errata:
            assert must <= e.keys() <= must | {"translation", "names"}, e["id"]
            assert e["source"] == NUMBERED[e["id"][4:7]], e["id"]
            assert all(e[k] for k in e) and len(e["quote"]) == len(e["lines"]), e["id"]
            assert e["chapter"] in PLANNED, e["id"]
            assert e["sentence"].count("$") % 2 == 0, e["id"]
            texts = " ".join(str(e[k]) for k in ("title", "where", "sentence"))
            assert not re.search(r"\.txt|[\u4e00-\u9fff]|(?<![-.,\d])00[0-4](?![-.\d])", texts), e["id"]
            assert "translation" in e or not re.search(r"[\u4e00-\u9fff]", "".join(e["quote"])), e["id"]
            assert not re.search(r"[\u4e00-\u9fff]", e.get("translation", "")), e["id"]

    def test_those_of_one_box_name_each_other(self, errata):
        known = {e["id"]: e for e in errata}
        for e in errata:
            assert all(e["id"] in known[n].get("names", []) for n in e.get("names", [])), e["id"]

    @staticmethod
    def misquoted(errata: list[dict], excerpts: dict[str, list[dict]]) -> list[str]:
        """Errata with a quotation that does not stand, letter for letter, in the excerpt of its line."""
        text = {(source, e["line"]): e["text"] for source, some in excerpts.items() for e in some}
        return [
            e["id"]
            for e in errata
            for quote, line in zip(e["quote"], e["lines"], strict=True)
            if quote not in text.get((e["source"], line), "")
        ]

    def test_quotations_stand_in_the_excerpts(self, errata):
        excerpts = {source: load(f"excerpts/{source}.yml") for source in SOURCES - {"book", "papers"}}
        assert self.misquoted(errata, excerpts) == []
        for source, some in excerpts.items():
            quoted = {line for e in errata if e["source"] == source for line in e["lines"]}
            assert {e["line"] for e in some} == quoted, "an excerpt that nobody quotes"
            assert all(len(e["text"]) <= 900 for e in some), "an excerpt is short"

    @pytest.mark.parametrize("change", [("x = 1", "x = 2"), ("x = 1", "x  = 1"), ("", "and more")])
    def test_a_quotation_that_is_not_verbatim_is_found(self, change):
        told = [{"id": "ERR-004-99", "source": "textbook", "quote": ["so x = 1 holds"], "lines": [7]}]
        excerpts = {"textbook": [{"line": 7, "text": "we see: so x = 1 holds, always"}]}
        assert self.misquoted(told, excerpts) == []
        told[0]["quote"] = [told[0]["quote"][0].replace(*change) if change[0] else told[0]["quote"][0] + change[1]]
        assert self.misquoted(told, excerpts) == ["ERR-004-99"]


def test_glossary():
    terms = load("glossary.yml")
    assert len(terms) >= 138
    for field in ("en", "zh"):
        words = [t[field] for t in terms]
        assert [w for w, count in Counter(words).items() if count > 1] == [], field
        assert all(w and w == w.strip() for w in words)
    assert [t["en"] for t in terms] == sorted((t["en"] for t in terms), key=str.lower)
    assert all({"en", "zh", "text"} <= t.keys() <= {"en", "zh", "proposed", "text", "words", "see"} for t in terms)
    assert all(isinstance(t.get("words", []), list) for t in terms)
    assert all(t.get("proposed", True) is True for t in terms)
    assert not [t["en"] for t in terms if not re.fullmatch(r"[A-Z0-9][^\n]{15,160}\.|[a-z0-9/(][^\n]{15,160}\.", t["text"])]
    shorts = {chapters.short(p.relative_to(ROOT).as_posix()) for p in chapters.paths(ROOT)}
    assert {t["see"] for t in terms if "see" in t} <= shorts
    assert all(re.search(r"[\u4e00-\u9fff]", t["zh"]) and not re.search(r"[\u4e00-\u9fff]", t["en"]) for t in terms)


def test_reading_list_points_into_the_bibliography(references):
    reading = load("reading.yml")
    assert [r["id"] for r in reading] == [f"R-{n:02d}" for n in range(1, 56)]
    assert all(r["note"].endswith(".") for r in reading)
    keys = [k for r in reading for k in (r["key"], *r.get("also", []))]
    assert len(keys) == len(set(keys))
    assert [k for k in keys if k not in references] == []


def test_bibliography_is_well_formed(references):
    required = {
        "article": {"journal"},
        "inproceedings": {"booktitle"},
        "incollection": {"booktitle", "publisher"},
        "book": {"publisher"},
        "misc": set(),
    }
    for key, entry in references.items():
        assert re.fullmatch(r"[a-z]+\d{4}[a-z]*|qiuslides", key), key
        assert {"title"} | required[entry.type] <= set(entry.fields), key
        assert "year" in entry.fields or "note" in entry.fields, key
        assert entry.persons.get("author"), key
        assert entry.type != "misc" or {"eprint", "note"} & set(entry.fields), key
        assert not any("http" in v for v in entry.fields.values()), key
        assert re.fullmatch(r"\d{4}\.\d{4,5}", entry.fields.get("eprint", "0000.00000")), key
        assert bool(entry.fields.get("eprint")) == (entry.fields.get("archiveprefix") == "arXiv"), key
    titles = Counter(re.sub(r"\W", "", e.fields["title"]).lower() for e in references.values())
    assert [t for t, count in titles.items() if count > 1] == []
