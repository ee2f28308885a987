// What the pages need beyond the theme: links into collapsed solutions open them, and formulas in running text that are wider
// than a phone scroll in a box of their own.
(() => {
  const closedBox = ".toggle-hidden, details:not([open])";

  function openTarget() {
    const name = decodeURIComponent(location.hash.slice(1));
    const target = name && document.getElementById(name);
    if (!target || !target.closest(closedBox)) return;
    for (let box = target.closest(closedBox); box; box = target.closest(closedBox)) {
      if (box.tagName === "DETAILS") box.open = true;
      else {
        const button = box.querySelector("button.toggle-button");
        if (button) button.click();
        box.classList.remove("toggle-hidden");
      }
    }
    target.scrollIntoView();
  }

  function boxWideFormulas() {
    document.querySelectorAll(".bd-article mjx-container:not([display])").forEach((formula) => {
      formula.classList.remove("nb-wide");
      const room = formula.closest("p, li, dd, td, th, figcaption, div");
      if (!room || !formula.offsetParent || formula.closest(".nbdgm-formula")) return;
      if (formula.getBoundingClientRect().width > room.clientWidth) formula.classList.add("nb-wide");
    });
  }

  function whenTypeset(action) {
    const wait = () => {
      const started = window.MathJax && window.MathJax.startup && window.MathJax.startup.promise;
      if (started) started.then(action);
      else setTimeout(wait, 100);
    };
    if (document.querySelector("script[src*='mathjax']")) wait();
  }

  window.addEventListener("hashchange", openTarget);
  window.addEventListener("load", () => {
    openTarget();
    whenTypeset(boxWideFormulas);
  });
  let last = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth !== last) whenTypeset(boxWideFormulas);
    last = window.innerWidth;
  });
})();
