"use strict";
// Shows the examples of one config at a time, filters them by a word, and opens the row a link points at.
(function () {
  const tabs = Array.from(document.querySelectorAll("[data-tab]"));
  const groups = Array.from(document.querySelectorAll("[data-config]"));
  const search = document.getElementById("search");
  const none = document.getElementById("none");
  let current = tabs.length ? tabs[0].dataset.tab : "";

  function show() {
    const word = search ? search.value.trim().toLowerCase() : "";
    let seen = 0;
    tabs.forEach((t) => t.setAttribute("aria-selected", String(t.dataset.tab === current)));
    groups.forEach((g) => {
      g.hidden = g.dataset.config !== current;
      if (g.hidden) return;
      g.querySelectorAll("article").forEach((a) => {
        a.hidden = word !== "" && !a.textContent.toLowerCase().includes(word);
        if (!a.hidden) seen += 1;
      });
    });
    if (none) none.hidden = seen > 0;
  }

  function open() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const group = target && target.closest("[data-config]");
    if (!group) return;
    current = group.dataset.config;
    if (search) search.value = "";
    show();
    const lineage = target.querySelector("details");
    if (lineage) lineage.open = true;
    target.scrollIntoView();
  }

  tabs.forEach((t) => t.addEventListener("click", () => { current = t.dataset.tab; show(); }));
  if (search) search.addEventListener("input", show);
  window.addEventListener("hashchange", open);
  document.documentElement.classList.add("js");
  show();
  open();
})();
