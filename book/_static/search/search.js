// The search page: sections, ranked; one spelling for many, synonyms, and the words of the query marked in an excerpt.
(() => {
  // --- one spelling
  const spellings = [
    [/[-‐‑–]/g, " "],
    [/\bauto encod/g, "autoencod"],
    [/\b(re)?parametri[sz]/g, "reparametriz"],
    [/\b(re)?parameteri[sz]/g, "reparametriz"],
    [/is(e[ds]?|ing|ations?|ers?)\b/g, "iz$1"],
    [/\bnormali[sz]/g, "normaliz"],
    [/\bamorti[sz]\w*/g, "amortiz"],
    [/colour/g, "color"],
    [/behaviour/g, "behavior"],
    [/centre/g, "center"],
    [/modell/g, "model"],
    [/labell/g, "label"],
  ];
  const synonyms = {
    vae: "variational autoencoder", vaes: "variational autoencoder", elbo: "evidence lower bound elbo", gan: "generative adversarial network gan",
    gans: "generative adversarial network gan", fid: "frechet distance fid", kl: "divergence kl", wgan: "wasserstein gan", em: "expectation maximization em",
    iwae: "importance weighted", dcgan: "convolutional gan dcgan", lsgan: "least squares gan", earth: "wasserstein earth", mmd: "discrepancy mmd", optimal: "optimal best",
  };
  const clean = (text) => {
    let plain = text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
    for (const [from, to] of spellings) plain = plain.replace(from, to);
    return plain;
  };
  const stem = (word) => (word.length > 3 ? word.replace(/(?<!s|u|i)s$/, "") : word);
  const tokens = (text) => {
    const words = clean(text).match(/[a-z0-9]+(?:\.[0-9]+)*|[\u4e00-\u9fff]/g) || [];
    return words.map(stem);
  };
  const stop = new Set(tokens("a an and are as at be by for from in is it of on or that the this to with"));

  // --- the index
  const index = new MiniSearch({
    fields: ["title", "page", "text", "taught"],
    storeFields: ["url", "title", "page", "number", "top", "late", "term", "taught", "text"],
    tokenize: tokens,
    processTerm: (term) => (stop.has(term) ? null : term),
  });
  index.addAll(window.nbdgmSections);

  function search(query) {
    const words = tokens(query).filter((word) => !stop.has(word));
    const wider = words.map((word) => tokens(synonyms[word] || word));
    const options = {
      prefix: (term) => term.length > 3,
      fuzzy: (term) => (term.length > 5 ? 0.15 : false),
      boost: { title: 4, page: 2 },
      boostDocument: (id, term, stored) => (stored.late || stored.term ? 0.25 : 1) * (stored.top ? 1.4 : 1),
    };
    const all = (list) => ({ combineWith: "AND", queries: list.map((some) => ({ combineWith: "OR", queries: some })) });
    let found = index.search(all(wider), options);
    if (!found.length) found = index.search({ combineWith: "OR", queries: wider.flat() }, options);
    const wanted = words.join(" ");
    const rare = words.length > 1 ? words.map((word) => [index.search(word, options).length, word]).sort((a, b) => a[0] - b[0])[0][1] : "";
    const titled = found.some((hit) => !hit.term && tokens(hit.title).join(" ").includes(wanted));
    for (const hit of found) {
      const taught = (hit.taught || "").split("; ").map((term) => tokens(term).join(" "));
      if (!titled && taught.includes(wanted)) hit.score *= 8; // the glossary sends the reader to this chapter for this term
      const title = tokens(hit.title).join(" ");
      if (title === wanted && !hit.term) hit.score *= 3;
      else if (title.includes(wanted) && !hit.term) hit.score *= 2;
      else if (rare && !hit.term && title.split(" ").includes(rare)) hit.score *= 2;
      else if (tokens(hit.page).join(" ").includes(wanted) && hit.top) hit.score *= 2;
      if (tokens(hit.text).join(" ").includes(wanted)) hit.score *= 1.5;
    }
    return found.sort((a, b) => b.score - a.score);
  }

  // --- the page
  function excerpt(hit) {
    const terms = hit.terms;
    const words = hit.text.split(" ");
    let at = words.findIndex((word) => tokens(word).some((token) => terms.includes(token)));
    at = Math.max(0, at - 8);
    const line = document.createElement("p");
    words.slice(at, at + 36).forEach((word, i) => {
      const marked = tokens(word).some((token) => terms.includes(token));
      line.append(i ? " " : at ? "… " : "");
      if (marked) line.append(Object.assign(document.createElement("mark"), { textContent: word }));
      else line.append(word);
    });
    line.append(" …");
    return line;
  }

  function show(query, root) {
    const results = document.getElementById("search-results");
    results.replaceChildren();
    const found = search(query).slice(0, 40);
    const count = document.createElement("p");
    count.setAttribute("role", "status");
    count.textContent = query ? `${found.length || "No"} section${found.length === 1 ? "" : "s"} for “${query}”` : "";
    const list = document.createElement("ul");
    list.className = "search";
    for (const hit of found) {
      const item = document.createElement("li");
      const link = Object.assign(document.createElement("a"), { href: root + hit.url });
      const chapter = (hit.number ? hit.number + ". " : "") + hit.page;
      link.textContent = hit.top ? chapter : `${chapter} › ${hit.title}`;
      item.append(link, excerpt(hit));
      list.append(item);
    }
    results.append(count, list);
  }

  window.nbdgmSearch = search;
  document.addEventListener("DOMContentLoaded", () => {
    const query = new URLSearchParams(location.search).get("q") || "";
    document.querySelectorAll("form.bd-search input[name=q]").forEach((box) => (box.value = query));
    const content = document.documentElement.dataset.content_root || "./";
    show(query, content);
  });
})();
