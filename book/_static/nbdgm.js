// A link to something inside a collapsed solution opens the solution first; marks on wide tables say that they scroll.
(() => {
  function open() {
    const name = decodeURIComponent(location.hash.slice(1));
    const target = name && document.getElementById(name);
    if (!target) return;
    let closed = target.closest(".toggle-hidden, details:not([open])");
    if (!closed) return;
    while (closed) {
      if (closed.tagName === "DETAILS") closed.open = true;
      else {
        const button = closed.querySelector("button.toggle-button");
        if (button) button.click();
        closed.classList.remove("toggle-hidden");
      }
      closed = target.closest(".toggle-hidden, details:not([open])");
    }
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", open);
  window.addEventListener("load", open);
})();
