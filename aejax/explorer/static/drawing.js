"use strict";
// The canvas that one draws on, hides parts of, and loads test examples into: `values` on the page's scale, and `known`,
// 1 where a pixel is observed. `changed` is called after every change.

class Drawing {
  constructor(scene, changed) {
    [this.height, this.width, this.channels] = scene.shape;
    this.changed = changed;
    this.examples = scene.examples;
    this.values = new Float32Array(this.height * this.width * this.channels);
    this.known = new Uint8Array(this.height * this.width).fill(1);
    this.cursor = null;   // of the keyboard: [row, column]
    this.canvas = Page.element("drawing");
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.cursor = null;
      this.last = this.under(event);
      this.stroke(this.last);
    });
    this.canvas.addEventListener("pointermove", (event) => { if (this.last) this.stroke(this.under(event)); });
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, () => { this.last = null; });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("blur", () => { this.cursor = null; this.draw(); });
    this.controls();
  }

  controls() {
    const colour = this.channels === 3;
    Page.element("shade-row").hidden = colour;
    Page.element("colour-row").hidden = !colour;
    Page.element("size").value = Math.max(0.5, Math.min(this.height, this.width) / 22);
    Page.element("size").max = Math.max(5, Math.min(this.height, this.width) / 6);
    Page.reading("size", (value) => `${Number(value).toFixed(1)} px`);
    Page.reading("shade", (value) => `${value} %`);
    Page.click("clear", () => this.edit(() => { this.values.fill(0); this.known.fill(1); }));
    Page.click("load", () => this.load(Math.floor(Math.random() * this.examples.length)));
    Page.click("noise", () => this.edit(() => {
      const noise = Vectors.normal(this.values.length);
      this.values = this.values.map((v, i) => Math.min(Math.max(v + 0.3 * noise[i], 0), 1));
    }));
    Page.click("half", () => this.edit(() => this.known.fill(0, Math.ceil(this.height / 2) * this.width)));
  }

  load(i) {
    this.edit(() => { this.values = Float32Array.from(this.examples[i]); this.known.fill(1); });
  }

  edit(change) {
    change();
    this.draw();
    this.changed();
  }

  under(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientY - box.top) / box.height * this.height, (event.clientX - box.left) / box.width * this.width];
  }

  // From the last place to this one, in steps of half a pixel.
  stroke(place) {
    const from = this.last || place, steps = Math.ceil(2 * Math.hypot(place[0] - from[0], place[1] - from[1])) || 1;
    this.edit(() => {
      for (let i = 1; i <= steps; i++) this.stamp(from.map((v, axis) => v + (place[axis] - v) * i / steps));
    });
    if (this.last) this.last = place;
  }

  stamp([row, column]) {
    const radius = Number(Page.element("size").value), tool = document.querySelector("[name=tool]:checked").value;
    const ink = this.ink();
    for (let i = Math.max(0, Math.floor(row - radius - 1)); i < Math.min(this.height, row + radius + 1); i++) {
      for (let j = Math.max(0, Math.floor(column - radius - 1)); j < Math.min(this.width, column + radius + 1); j++) {
        const cover = Math.min(Math.max(radius + 0.5 - Math.hypot(i + 0.5 - row, j + 0.5 - column), 0), 1);
        const place = i * this.width + j;
        if (tool === "hide" || tool === "show") {
          if (cover >= 0.5) this.known[place] = tool === "show" ? 1 : 0;
          continue;
        }
        for (let c = 0; c < this.channels; c++) {
          const at = place * this.channels + c, goal = tool === "draw" ? ink[c] : 0, old = this.values[at];
          const mixed = old + (goal - old) * cover;   // a soft edge must not lighten what is already covered
          if (tool === "erase" ? mixed < old : Math.abs(mixed - goal) < Math.abs(old - goal)) this.values[at] = mixed;
        }
      }
    }
  }

  ink() {
    if (this.channels === 1) return [Number(Page.element("shade").value) / 100];
    return [1, 3, 5].map((i) => parseInt(Page.element("colour").value.slice(i, i + 2), 16) / 255);
  }

  key(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const limit = [this.height, this.width];
    this.cursor = this.cursor || limit.map((size) => Math.floor(size / 2));
    if (moves[event.key]) {
      this.cursor = this.cursor.map((v, axis) => Math.min(Math.max(v + moves[event.key][axis], 0), limit[axis] - 1));
    } else if (event.key === " ") {
      this.edit(() => this.stamp(this.cursor.map((v) => v + 0.5)));
    } else {
      return;
    }
    event.preventDefault();
    this.draw();
    Page.say(`row ${this.cursor[0] + 1}, column ${this.cursor[1] + 1}`);
  }

  // What the model sees: 0 at hidden pixels.
  seen() {
    return this.values.map((v, i) => (this.known[Math.floor(i / this.channels)] ? v : 0));
  }

  // `known` for each value, as the backends take it.
  mask() {
    return Uint8Array.from(this.values, (_, i) => this.known[Math.floor(i / this.channels)]);
  }

  draw(canvas = this.canvas) {
    Pixels.image(canvas, this.values, [this.height, this.width, this.channels], (place) => {
      const [row, column] = [Math.floor(place / this.width), place % this.width];
      if (this.cursor && canvas === this.canvas && row === this.cursor[0] && column === this.cursor[1]) return [230, 60, 40];
      if (!this.known[place]) return (row + column) % 2 ? [120, 170, 225] : [160, 200, 240];
      return [0, 1, 2].map((c) => 255 * this.values[place * this.channels + (this.channels === 3 ? c : 0)]);
    });
  }
}
