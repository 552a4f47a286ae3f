"use strict";
// The map: places of test codes; between them a code is the mean of the nearest ones, weighed by 1 / distance².

const NEAREST = 6;
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#8c564b", "#4d4d4d",
  "#a6761d", "#1b7837", "#b2182b"];

class CodeMap {
  constructor(page, between) {
    Object.assign(this, page);
    this.between = between;
    this.canvas = Page.element("map");
    this.place = null;    // of the code that is decoded, in the unit square
    this.drag = null;     // [from, to] while, and after, a line is drawn
    this.names = [...new Set(this.scene.labels || [])].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
    this.layouts();
    this.legend();
    this.state.watch((code, by) => {
      this.place = by.place || this.projected(code);
      if (!by.line) this.drag = null;
      this.draw();
    });
    this.canvas.addEventListener("pointerdown", (event) => this.press(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerup", (event) => this.release(event));
    this.canvas.addEventListener("pointercancel", () => { this.from = null; });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  layouts() {
    const titles = { pca: "principal components", tsne: "t-SNE", umap: "UMAP" }, choice = Page.element("map-layout");
    Page.options(choice, this.scene.maps.map((map, i) => [i, titles[map.name]]));
    Page.element("map-choice").hidden = this.scene.maps.length < 2;
    const choose = () => {
      const map = this.scene.maps[choice.value], ends = [0, 1].map((axis) => {
        const values = map.places.map((place) => place[axis]);
        return [Math.min(...values), Math.max(...values)];
      });
      this.unit = (place) => [0, 1].map((axis) => {
        const [low, high] = ends[axis], share = (place[axis] - (low + high) / 2) / (high - low || 1);
        return 0.5 + 0.92 * (axis ? -share : share);
      });
      this.places = map.places.map(this.unit);
      this.name = map.name;
      this.ground = null;
      const share = `${Math.round(100 * this.scene.share.slice(0, 2).reduce((sum, part) => sum + part, 0))} %`;
      const apart = map.name === "pca" ? `to the right direction 1, upwards direction 2; ${share} of the variance`
        : "neighbours are alike; distances between groups mean little";
      Page.element("map-axes").textContent = `${this.places.length} test examples, ${titles[map.name]}: ${apart}.`;
      this.place = this.projected(this.state.code);
      this.draw();
    };
    choice.addEventListener("change", choose);
    choose();
  }

  legend() {
    if (this.names.length < 2 || this.names.length > COLOURS.length) return;
    Page.element("legend").replaceChildren(...this.names.map((name, i) => {
      const entry = Page.make("li", ""), mark = document.createElement("canvas"), context = mark.getContext("2d");
      mark.width = mark.height = 16;
      context.fillStyle = COLOURS[i];
      context.fillRect(0, 0, 16, 16);
      mark.setAttribute("aria-hidden", "true");
      entry.append(mark, name);
      return entry;
    }));
  }

  colour(i) {
    const named = this.scene.labels && this.names.length <= COLOURS.length;
    return named ? COLOURS[this.names.indexOf(this.scene.labels[i])] : COLOURS[0];
  }

  // Where a code lies, where the layout says it: principal components do.
  projected(code) {
    if (this.name !== "pca") return null;
    const [first, second] = [0, 1].map((i) => (i < this.scene.spread.length
      ? this.scene.coordinate(code, i) * this.scene.spread[i] : 0));
    return this.unit([first, second]);
  }

  // The code of a place: that of a test example where one lies, and in between a mean.
  codeAt([x, y]) {
    const near = this.places.map(([u, v], i) => [(u - x) ** 2 + (v - y) ** 2, i]).sort((a, b) => a[0] - b[0])
      .slice(0, NEAREST);
    if (near[0][0] < 1e-6) return { code: this.scene.codes[near[0][1]], example: near[0][1] };
    const total = near.reduce((sum, [d]) => sum + 1 / d, 0), code = new Float32Array(this.state.code.length);
    for (const [d, i] of near) this.scene.codes[i].forEach((v, j) => { code[j] += v / d / total; });
    return { code };
  }

  // The nearest test example within 8 pixels, else the place itself.
  snapped(event) {
    const box = this.canvas.getBoundingClientRect();
    const place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const distance = ([u, v]) => Math.hypot((u - place[0]) * box.width, (v - place[1]) * box.height);
    const nearest = this.places.reduce((best, other) => (distance(other) < distance(best) ? other : best));
    return distance(nearest) < 8 ? nearest : place.map((v) => Math.min(Math.max(v, 0), 1));
  }

  go(place, more = {}) {
    const { code, example } = this.codeAt(place);
    this.state.set(code, { place, example, ...more });
  }

  press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.from = this.snapped(event);
    this.pressed = [event.clientX, event.clientY];
    this.drag = null;
    this.go(this.from);
  }

  move(event) {
    if (!this.from || Math.hypot(event.clientX - this.pressed[0], event.clientY - this.pressed[1]) < 6) return;
    const to = this.snapped(event);
    this.drag = [this.from, to];
    this.go(to, { line: true });
  }

  release() {
    const line = this.drag;
    if (this.from && line) this.between.set(...line.map((place) => this.codeAt(place).code));
    this.from = null;
  }

  key(event) {
    const step = event.shiftKey ? 0.05 : 0.01, place = this.place || [0.5, 0.5];
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const end = { a: "A", b: "B" }[event.key.toLowerCase()];
    if (moves[event.key]) {
      event.preventDefault();
      this.go(place.map((v, axis) => Math.min(Math.max(v + moves[event.key][axis], 0), 1)));
    } else if (end && !event.ctrlKey && !event.metaKey && !event.altKey) {
      this.between.end(end, this.state.code);
    }
  }

  draw() {
    if (!this.places || !this.canvas.clientWidth) return;
    const size = this.canvas.clientWidth, ratio = window.devicePixelRatio || 1;
    const height = Math.min(size, this.canvas.parentElement.clientWidth) * 0.86;
    if (this.canvas.width !== Math.round(size * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(size * ratio);
      this.canvas.height = Math.round(height * ratio);
      this.canvas.style.height = `${height}px`;
      this.ground = null;
    }
    const at = ([x, y]) => [x * size, y * height];
    this.ground = this.ground || this.test(at, size, ratio);
    this.context = this.canvas.getContext("2d");
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.drawImage(this.ground, 0, 0);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.drag) this.line(...this.drag.map(at));
    if (this.place) this.cross(at(this.place));
  }

  // The test examples on a canvas of their own, which the frames share.
  test(at, size, ratio) {
    const ground = Object.assign(document.createElement("canvas"), { width: this.canvas.width, height: this.canvas.height });
    this.context = ground.getContext("2d");
    this.context.fillStyle = "#fff";
    this.context.fillRect(0, 0, ground.width, ground.height);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.places.forEach((place, i) => this.dot(at(place), this.colour(i)));
    if (this.scene.thumbnails) this.thumbnails(at, size);
    return ground;
  }

  dot([x, y], colour) {
    this.context.fillStyle = colour;
    this.context.globalAlpha = 0.75;
    this.context.beginPath();
    this.context.arc(x, y, 3, 0, 2 * Math.PI);
    this.context.fill();
    this.context.globalAlpha = 1;
  }

  // As many thumbnails as find room, the first come first.
  thumbnails(at, size) {
    const { images, shape: [h, w] } = this.scene.thumbnails, side = size > 420 ? 26 : 20, taken = [];
    this.tiles = this.tiles || images.map((pixels) => {
      const tile = document.createElement("canvas");
      Pixels.image(tile, Float32Array.from(pixels, (v) => v / 255), this.scene.thumbnails.shape);
      return tile;
    });
    this.places.forEach((place, i) => {
      const [x, y] = at(place), scale = side / Math.max(h, w);
      if (taken.some(([u, v]) => Math.abs(u - x) < side + 6 && Math.abs(v - y) < side + 6)) return;
      taken.push([x, y]);
      const [left, top, wide, tall] = [x - w * scale / 2, y - h * scale / 2, w * scale, h * scale];
      this.context.fillStyle = this.colour(i);
      this.context.fillRect(left - 2, top - 2, wide + 4, tall + 4);
      this.context.drawImage(this.tiles[i], left, top, wide, tall);
    });
  }

  line([x, y], [u, v]) {
    this.stroke(() => { this.context.moveTo(x, y); this.context.lineTo(u, v); });
    this.context.font = "bold 15px system-ui, sans-serif";
    for (const [text, left, top] of [["A", x, y], ["B", u, v]]) {
      this.context.lineWidth = 4;
      this.context.strokeStyle = "#fff";
      this.context.strokeText(text, left + 8, top - 8);
      this.context.fillStyle = "#1a1a1a";
      this.context.fillText(text, left + 8, top - 8);
    }
  }

  cross([x, y]) {
    this.stroke(() => {
      this.context.arc(x, y, 9, 0, 2 * Math.PI);
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        this.context.moveTo(x + 5 * dx, y + 5 * dy);
        this.context.lineTo(x + 14 * dx, y + 14 * dy);
      }
    });
  }

  stroke(path) {
    for (const [colour, width] of [["#fff", 5], ["#1a1a1a", 2]]) {
      this.context.beginPath();
      path();
      this.context.strokeStyle = colour;
      this.context.lineWidth = width;
      this.context.stroke();
    }
  }
}
