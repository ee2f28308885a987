// What the pages need beyond the theme. Without it they can be read whole: proofs and solutions open by themselves, formulas are
// MathML. With it: links into folded boxes open them, printing opens all, two switches open the proofs and their code everywhere,
// the list of sections marks the one that is read, only what scrolls is a tab stop, a link to an equation, a theorem, the
// literature or a term of the glossary shows what it leads to, and live figures start when asked.
(() => {
  const statics = new URL(".", document.currentScript.src);
  const each = (selector, action) => document.querySelectorAll(selector).forEach(action);
  const closedBox = ".toggle-hidden, details:not([open])";

  // --- links into folded boxes
  function open(box) {
    if (box.tagName === "DETAILS") {
      box.open = true;
      return;
    }
    const button = box.querySelector("button.toggle-button");
    if (button) button.click();
    box.classList.remove("toggle-hidden");
  }

  function openTarget() {
    const name = decodeURIComponent(location.hash.slice(1));
    const target = name && document.getElementById(name);
    if (!target) return;
    let changed = false;
    for (let box = target.closest(closedBox); box; box = target.parentElement.closest(closedBox)) {
      open(box);
      changed = true;
      if (box === target) break;
    }
    if (target.matches(".cell")) {
      target.querySelectorAll("details.nb-proof:not([open])").forEach((box) => {
        box.open = true;
        changed = true;
      });
    }
    if (changed) target.scrollIntoView();
  }

  // --- printing opens what is folded, but for the set-up
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll(".bd-article details:not([open]):not(.nb-setup)")];
    opened.forEach((box) => (box.open = true));
    each(".bd-article .toggle-hidden", (box) => box.classList.remove("toggle-hidden"));
  });
  window.addEventListener("afterprint", () => opened.forEach((box) => (box.open = false)));

  // --- two switches, remembered
  const remembered = {
    get: (key) => {
      try { return localStorage.getItem(key); } catch { return null; }
    },
    set: (key, value) => {
      try { localStorage.setItem(key, value); } catch { /* a page that may not remember */ }
    },
  };

  function addSwitches() {
    const title = document.querySelector(".bd-article h1");
    if (!title || !document.querySelector("details.nb-proof")) return;
    const bar = document.createElement("div");
    bar.className = "nb-switches";
    for (const [key, text, selector] of [
      ["nb-proofs", "Show all proofs", "details.nb-proof"],
      ["nb-code", "Show the checking code", "details.nb-proof details.nb-code, details.nb-symbols"],
    ]) {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: remembered.get(key) === "on" });
      const apply = () => each(selector, (part) => (part.open = box.checked));
      box.addEventListener("change", () => {
        remembered.set(key, box.checked ? "on" : "off");
        apply();
      });
      if (box.checked) apply();
      label.append(box, text);
      bar.append(label);
    }
    title.after(bar);
  }

  // --- only what scrolls is a tab stop
  const scrolling = ".bd-article pre, .nb-display, .nb-scroll, .nb-formula, .nbdgm-formula, .nb-wide, .cell_output .text_html, .cell_output [style*='overflow-x']";

  function setTabStops() {
    each(scrolling, (box) => {
      const wanted = box.scrollWidth > box.clientWidth ? "0" : null;
      if (box.getAttribute("tabindex") === wanted) return;
      if (wanted) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    });
  }

  // the theme sets its own, after loading and whenever the window changes: also where a box is a fraction of a pixel too low
  function keepTabStops() {
    const article = document.querySelector(".bd-article");
    if (article) new MutationObserver(setTabStops).observe(article, { attributeFilter: ["tabindex"], subtree: true });
  }

  function boxWideFormulas() {
    each(".bd-article math:not([display])", (formula) => {
      const boxed = formula.parentElement.classList.contains("nb-wide");
      const room = formula.closest("p, li, dd, td, th, figcaption, summary");
      if (boxed || !room || !room.clientWidth || formula.getBoundingClientRect().width <= room.clientWidth) return;
      const box = document.createElement("span");
      box.className = "nb-wide";
      box.tabIndex = 0;
      formula.replaceWith(box);
      box.append(formula);
    });
  }

  // --- the list of sections marks the last heading above a quarter of the window
  function followSections() {
    const links = [...document.querySelectorAll(".bd-sidebar-secondary .page-toc a[href^='#'], .bd-toc-nav a[href^='#']")];
    const parts = links
      .map((link) => ({ link, part: document.getElementById(decodeURIComponent(link.hash.slice(1))) }))
      .filter(({ part }) => part);
    if (!parts.length) return;
    let waiting = false;
    const mark = () => {
      waiting = false;
      const line = window.innerHeight / 4;
      let current = parts[0];
      for (const each of parts) if (each.part.getBoundingClientRect().top <= line) current = each;
      for (const { link } of parts) {
        link.classList.toggle("active", link === current.link);
        if (link === current.link) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
      each(".bd-toc-nav ul.visible", (list) => list.classList.remove("visible"));
      for (let item = current.link.closest("li"); item; item = item.parentElement.closest("li")) {
        const below = item.querySelector(":scope > ul");
        if (below) below.classList.add("visible");
      }
    };
    const soon = () => {
      if (!waiting) requestAnimationFrame(mark);
      waiting = true;
    };
    window.addEventListener("scroll", soon, { passive: true });
    window.addEventListener("resize", soon);
    new MutationObserver((changes) => {  // the theme's own marks come and go: ours stay
      if (changes.some(({ target }) => target.classList.contains("active") !== (target.getAttribute("aria-current") === "true"))) soon();
    }).observe(links[0].closest("nav, .bd-toc-nav"), { subtree: true, attributes: true, attributeFilter: ["class"] });
    mark();
  }

  // --- what a link leads to, while a reader points at it
  const shown = ".math, .proof, .citation";

  function target(link) {
    const address = link.getAttribute("href");
    const kept = document.querySelector(`template[data-for="${CSS.escape(address)}"]`);
    if (kept) return kept.content.firstElementChild;
    const there = address.startsWith("#") && document.getElementById(decodeURIComponent(address.slice(1)));
    return there && there.matches(shown) ? there : null;
  }

  function addPreviews() {
    let card = null, described = null, waiting = 0;
    const hide = () => {
      clearTimeout(waiting);
      if (card) card.remove();
      if (described) described.removeAttribute("aria-describedby");
      card = described = null;
    };
    const show = (link) => {
      const found = target(link);
      if (!found) return;
      hide();
      card = document.createElement("div");
      card.className = "nb-preview bd-article";
      card.setAttribute("role", "tooltip");
      card.id = "nb-preview";
      const copy = found.cloneNode(true);
      for (const part of [copy, ...copy.querySelectorAll("[id]")]) part.removeAttribute("id");
      copy.querySelectorAll(".headerlink").forEach((part) => part.remove());
      card.append(copy);
      document.body.append(card);
      described = link;
      link.setAttribute("aria-describedby", card.id);
      const box = link.getBoundingClientRect(), height = card.offsetHeight;
      const below = box.bottom + height + 12 < window.innerHeight || box.top < height + 12;
      card.style.left = `${Math.max(8, Math.min(box.left, document.documentElement.clientWidth - card.offsetWidth - 8)) + window.scrollX}px`;
      card.style.top = `${(below ? box.bottom + 6 : box.top - height - 6) + window.scrollY}px`;
      card.addEventListener("mouseenter", () => clearTimeout(waiting));
      card.addEventListener("mouseleave", hide);
    };
    each(".bd-article a.reference.internal[href*='#']", (link) => {
      if (!target(link)) return;
      link.removeAttribute("title");
      link.addEventListener("mouseenter", () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => show(link), 150);
      });
      link.addEventListener("mouseleave", () => {
        clearTimeout(waiting);
        waiting = setTimeout(hide, 250);
      });
      link.addEventListener("focus", () => show(link));
      link.addEventListener("blur", hide);
      link.addEventListener("click", hide);
    });
    document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  }

  // --- the front page's film plays once, unless the reader wants no motion
  function playFilm() {
    const film = document.querySelector("figure.nb-plays");
    if (film && !window.matchMedia("(prefers-reduced-motion: reduce)").matches) film.querySelector("button").click();
  }

  // --- live figures: a button, and the figure's module when it is pressed
  function addLive() {
    each(".nb-live", (box) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "nb-live-start", textContent: "Run it here" });
      box.append(button);
      box.classList.add("nb-ready");
      button.addEventListener("click", async () => {
        button.disabled = true;
        try {
          const [shared, module] = await Promise.all(["live", box.dataset.live].map((name) => import(new URL(`live/${name}.js`, statics))));
          button.remove();
          const figure = new shared.Figure(box);
          box.live = { figure, state: await module.default(figure) };
        } catch (error) {
          button.disabled = false;
          button.textContent = "It could not be loaded: try again";
          console.warn(error);
        }
      });
    });
  }

  function settle() {
    boxWideFormulas();
    setTabStops();
  }

  window.addEventListener("hashchange", openTarget);
  document.addEventListener("toggle", settle, true);
  document.addEventListener("DOMContentLoaded", () => {
    addSwitches();
    followSections();
    addPreviews();
    addLive();
    playFilm();
  });
  window.addEventListener("load", () => {
    openTarget();
    settle();
    keepTabStops();
  });
  let last = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth !== last) settle();
    last = window.innerWidth;
  });
})();
