"use strict";
// Reads the scene, chooses the backend, and puts the parts together.

const Page = {
  element: (id) => document.getElementById(id),
  make(tag, text) {
    const made = document.createElement(tag);
    made.textContent = text;
    return made;
  },
  click: (id, act) => Page.element(id).addEventListener("click", act),
  options(select, pairs) {
    select.replaceChildren(...pairs.map(([value, text]) => {
      const option = Page.make("option", text);
      option.value = value;
      return option;
    }));
  },
  slider(box, id, text, numbers) {
    const row = Page.make("div", ""), label = Page.make("label", text), output = Page.make("output", "");
    const input = Object.assign(document.createElement("input"), { type: "range", id, ...numbers });
    row.className = "slider";
    label.htmlFor = id;
    output.htmlFor = id;
    row.append(label, input, output);
    Page.element(box).append(row);
    return [input, output];
  },
  // Writes a slider's value beside it.
  reading(id, text) {
    const show = () => { Page.element(`${id}-value`).textContent = text(Page.element(id).value); };
    Page.element(id).addEventListener("input", show);
    show();
  },
  signed: (value, digits) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`,
  // How many parts of the page wait for an answer, for whoever looks from outside.
  working(more) { document.body.dataset.working = Number(document.body.dataset.working || 0) + more; },
  say(text) { Page.element("status").textContent = text; },
  problem(text) {
    Page.element("problem").textContent = text;
    Page.element("problem").hidden = !text;
  },
};

async function start() {
  const inside = Page.element("scene"), program = Page.element("program");
  const raw = inside ? JSON.parse(inside.textContent) : await (await fetch("scene.json")).json();
  const scene = new Scene(raw);
  const backend = inside ? new FileBackend(scene, JSON.parse(program.textContent)) : new ServerBackend(scene);
  const state = new State(scene.codes[0]), page = { scene, state, backend };
  document.title = `${scene.title}: aejax explore`;
  Page.element("title").textContent = scene.title;
  Page.element("about").textContent = `${scene.about}. A code of ${scene.code_dim} values.`;
  Page.element("main").hidden = false;
  new Walk(page);
  new CodeMap(page, new Between(page));
  new Samples(page);
  if (scene.kind === "image") new Restore(page);
  else Page.element("draw-section").hidden = true;
  state.set(scene.codes[0], { example: 0 });
  Page.element("foot").textContent = inside
    ? `Computed in this browser, nothing is sent anywhere; largest difference to JAX on two test examples: ${backend.check().toExponential(1)}.`
    : "Computed by aejax on the machine that serves this page; nothing is sent elsewhere.";
  document.body.dataset.ready = "true";
}

start().catch((error) => Page.problem(`The page could not start: ${error.message}`));
