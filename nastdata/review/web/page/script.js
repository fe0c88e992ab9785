"use strict";
// Everything works without this script but keys and the viewer: the page is plain forms.

const questions = [...document.querySelectorAll("[data-question]")];
const form = document.getElementById("form");
const status = document.getElementById("status");
let at = Math.max(0, questions.findIndex((q) => !q.querySelector("input:checked")));
let sending = false;

function mark(n, focus, still = false) {
  if (!questions.length) return;
  at = Math.min(Math.max(n, 0), questions.length - 1);
  questions.forEach((q, i) => q.classList.toggle("now", i === at));
  if (focus) {
    const inputs = [...questions[at].querySelectorAll("input")];
    (inputs.find((i) => i.checked) || inputs[0]).focus({ preventScroll: still });
  }
}

function tell() {
  const done = questions.filter((q) => q.querySelector("input:checked")).length;
  if (status) status.textContent = done === questions.length ? "All answered: Enter saves." : `${done} of ${questions.length} answered`;
  return done === questions.length;
}

function choose(k) {
  const inputs = questions[at].querySelectorAll("input");
  inputs[k].checked = true;
  tell();
  const open = questions.findIndex((q, i) => i > at && !q.querySelector("input:checked"));
  mark(open >= 0 ? open : Math.min(at + 1, questions.length - 1), true);
}

function change(step) {
  const inputs = [...questions[at].querySelectorAll("input")];
  const now = inputs.findIndex((i) => i.checked);
  const next = now < 0 ? (step > 0 ? 0 : inputs.length - 1) : (now + step + inputs.length) % inputs.length;
  inputs[next].checked = true;
  inputs[next].focus();
  tell();
}

function press(id) {
  const button = document.getElementById(id);
  if (button) button.click();
}

const typing = (e) => /^(TEXTAREA|SELECT)$/.test(e.target.tagName) || (e.target.tagName === "INPUT" && e.target.type === "range");

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
  if (e.key === "Escape") { if (questions.length) mark(at, true); return; }
  if (typing(e)) return;
  const stage = e.target.closest ? e.target.closest(".stage") : null;
  const viewer = (stage || document).querySelector ? viewers.find((v) => v.stage === stage) || viewers[0] : null;
  const act = {
    1: () => choose(0), 2: () => choose(1), 3: () => choose(2),
    ArrowDown: () => (stage ? viewer.move(0, -40) : mark(at + 1, true)),
    ArrowUp: () => (stage ? viewer.move(0, 40) : mark(at - 1, true)),
    ArrowRight: () => (stage ? viewer.move(-40, 0) : change(1)),
    ArrowLeft: () => (stage ? viewer.move(40, 0) : change(-1)),
    s: () => press("skip"), u: () => press("undo"),
    c: () => document.getElementById("comment").focus(),
    e: () => { const d = document.querySelector(".better"); d.open = true; d.querySelector("textarea").focus(); },
    "?": () => { const d = document.querySelector(".help"); d.open = !d.open; },
    i: () => viewers.forEach((v) => v.invert()), r: () => viewers.forEach((v) => v.reset()),
    "+": () => viewer.zoom(1.25), "=": () => viewer.zoom(1.25), "-": () => viewer.zoom(0.8),
    "[": () => viewers.forEach((v) => v.shift("window", -12)), "]": () => viewers.forEach((v) => v.shift("window", 12)),
    ",": () => viewers.forEach((v) => v.shift("level", -8)), ".": () => viewers.forEach((v) => v.shift("level", 8)),
  }[e.key];
  if (e.key === "Enter") {
    const tag = e.target.tagName;
    if (!form || tag === "BUTTON" || tag === "A" || tag === "SUMMARY") return;
    e.preventDefault();
    if (tell()) press("save"); else mark(questions.findIndex((q) => !q.querySelector("input:checked")), true);
    return;
  }
  if (!act || (!form && e.key !== "u")) return;
  e.preventDefault();
  try { act(); } catch (error) { if (!(error instanceof TypeError)) throw error; }
});

class Viewer {
  constructor(figure, index) {
    this.stage = figure.querySelector(".stage");
    this.image = figure.querySelector("img");
    this.filter = document.getElementById(`levels${index}`);
    this.figure = figure;
    this.inverted = false;
    this.pointers = new Map();
    this.clear();
    this.image.addEventListener("error", () => { this.image.hidden = true; figure.querySelector(".lost").hidden = false; });
    figure.querySelectorAll("[data-act]").forEach((b) => b.addEventListener("click", () => ({
      in: () => this.zoom(1.25), out: () => this.zoom(0.8), invert: () => this.invert(), reset: () => this.reset(),
    }[b.dataset.act]())));
    figure.querySelectorAll("[data-level]").forEach((s) => s.addEventListener("input", () => this.draw()));
    this.stage.addEventListener("wheel", (e) => { e.preventDefault(); this.zoom(e.deltaY < 0 ? 1.12 : 0.89); }, { passive: false });
    this.stage.addEventListener("pointerdown", (e) => { this.stage.setPointerCapture(e.pointerId); this.pointers.set(e.pointerId, [e.clientX, e.clientY]); this.stage.classList.add("drag"); });
    this.stage.addEventListener("pointermove", (e) => this.drag(e));
    for (const name of ["pointerup", "pointercancel"]) this.stage.addEventListener(name, (e) => { this.pointers.delete(e.pointerId); this.stage.classList.remove("drag"); });
    this.draw();
  }
  clear() { this.scale = 1; this.x = 0; this.y = 0; }
  slider(name) { return this.figure.querySelector(`[data-level="${name}"]`); }
  drag(e) {
    const before = this.pointers.get(e.pointerId);
    if (!before) return;
    const dx = e.clientX - before[0], dy = e.clientY - before[1];
    if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== e.pointerId)[1];
      const was = Math.hypot(before[0] - other[0], before[1] - other[1]);
      const is = Math.hypot(e.clientX - other[0], e.clientY - other[1]);
      if (was > 0) this.zoom(is / was);
    } else if (e.shiftKey) {
      this.shift("window", dx); this.shift("level", dy);
    } else {
      this.move(dx, dy);
    }
    this.pointers.set(e.pointerId, [e.clientX, e.clientY]);
  }
  move(dx, dy) { this.x += dx; this.y += dy; this.draw(); }
  zoom(by) { const before = this.scale; this.scale = Math.min(12, Math.max(1, this.scale * by)); this.x *= this.scale / before; this.y *= this.scale / before; this.draw(); }
  invert() { this.inverted = !this.inverted; this.draw(); }
  shift(name, by) { const s = this.slider(name); s.value = Number(s.value) + by; this.draw(); }
  reset() { this.clear(); this.inverted = false; this.slider("window").value = 255; this.slider("level").value = 128; this.draw(); }
  draw() {
    const most = [this.stage.clientWidth, this.stage.clientHeight].map((side) => (side * (this.scale - 1)) / 2);
    this.x = Math.min(most[0], Math.max(-most[0], this.x));
    this.y = Math.min(most[1], Math.max(-most[1], this.y));
    this.image.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    // level 128 and window 255 leave the picture as it is
    const width = Number(this.slider("window").value) / 255, middle = (Number(this.slider("level").value) - 0.5) / 255;
    let slope = 1 / width, intercept = 0.5 - middle / width;
    if (this.inverted) { slope = -slope; intercept = 1 - intercept; }
    for (const f of this.filter.querySelectorAll("feFuncR, feFuncG, feFuncB")) { f.setAttribute("slope", slope); f.setAttribute("intercept", intercept); }
    const button = this.figure.querySelector('[data-act="invert"]');
    button.setAttribute("aria-pressed", String(this.inverted));
    const plain = width === 1 && Math.abs(middle - 0.5) < 1e-9 && !this.inverted;
    this.image.style.filter = plain ? "none" : "";
  }
}

const viewers = [...document.querySelectorAll("[data-viewer]")].map((f, i) => new Viewer(f, i));
questions.forEach((q, i) => q.addEventListener("focusin", () => mark(i, false)));
questions.forEach((q) => q.addEventListener("change", tell));
document.querySelectorAll("form").forEach((f) => f.addEventListener("submit", (e) => { if (sending) e.preventDefault(); sending = true; }));
window.addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
if (questions.length) { tell(); mark(at, true, true); }
