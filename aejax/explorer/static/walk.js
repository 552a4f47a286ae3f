"use strict";
// The decoded example, the sliders along principal directions, and steering.

class Walk {
  constructor(page) {
    Object.assign(this, page);   // scene, state, backend
    this.start = null;           // where steering began: its code, and the direction
    this.sliders = this.scene.directions.map((_, i) => this.slider(i));
    this.steering();
    Page.click("mean", () => this.state.set(this.scene.mean));
    Page.click("random", () => {
      const i = Math.floor(Math.random() * this.scene.codes.length);
      this.state.set(this.scene.codes[i], { example: i });
    });
    this.draw = latest(async (code, by) => {
      const begin = performance.now(), [example] = await this.backend.decode([code]);
      Pixels.show(Page.element("decoded"), example, this.scene);
      this.values(example);
      this.caption(performance.now() - begin, by);
    });
    this.state.watch((code, by) => {
      this.sliders.forEach((show) => show(code));
      if (!by.steering) this.rest();
      this.draw(code, by);
    });
  }

  slider(i) {
    const share = `${(100 * this.scene.share[i]).toFixed(this.scene.share[i] < 0.1 ? 1 : 0)} %`;
    const [input, output] = Page.slider("sliders", `direction-${i + 1}`, `${i + 1} (${share})`,
      { min: -4, max: 4, step: 0.05 });
    input.setAttribute("aria-label", `Principal direction ${i + 1}, ${share} of the variance`);
    input.addEventListener("input", () => {
      const length = (Number(input.value) - this.scene.coordinate(this.state.code, i)) * this.scene.spread[i];
      this.state.set(Vectors.along(this.state.code, this.scene.directions[i], length));
    });
    return (code) => {
      const coordinate = this.scene.coordinate(code, i), text = `${Page.signed(coordinate, 2)} sd`;
      if (document.activeElement !== input || Math.abs(coordinate - Number(input.value)) > 0.05) input.value = coordinate;
      input.setAttribute("aria-valuetext", text);
      output.textContent = text;
    };
  }

  steering() {
    const ways = this.scene.steering, way = Page.element("way"), strength = Page.element("strength");
    Page.element("steering").hidden = !ways.length;
    Page.options(way, ways.map((found, i) => [i, found.name]));
    const choose = () => {
      const chosen = ways[way.value];
      if (!chosen) return;
      Page.element("steering-hint").textContent = chosen.hint;
      strength.min = -chosen.limit;
      strength.max = chosen.limit;
      strength.step = chosen.limit / 40;
      this.rest();
    };
    way.addEventListener("change", choose);
    strength.addEventListener("input", () => {
      this.start = this.start || this.state.code;
      Page.element("strength-value").textContent = Page.signed(Number(strength.value), 2);
      const code = Vectors.along(this.start, ways[way.value].direction, Number(strength.value));
      this.state.set(code, { steering: true });
    });
    choose();
  }

  rest() {
    this.start = null;
    Page.element("strength").value = 0;
    Page.element("strength-value").textContent = "0";
  }

  caption(milliseconds, by) {
    const scene = this.scene;
    let what = "";
    if (by.example !== undefined) {
      what = `test example ${scene.numbers[by.example]}`
        + (scene.labels ? `, label ${scene.labels[by.example]}` : "") + ", ";
    }
    Page.element("frame").textContent = `${what}decoded in ${Math.max(milliseconds, 0.1).toFixed(1)} ms ${this.backend.where}`;
    Page.element("decoded").setAttribute("aria-label", `The decoded example${what ? `: ${what.slice(0, -2)}` : ""}`);
  }

  values(example) {
    if (this.scene.kind === "image") return;
    Page.element("values").hidden = false;
    const rows = Array.from(example, (value, i) => {
      const row = document.createElement("tr");
      row.append(Page.make("th", `column ${i + 1}`), Page.make("td", this.scene.inUnits(value, i).toPrecision(4)));
      return row;
    });
    Page.element("values").tBodies[0].replaceChildren(...rows);
  }
}
