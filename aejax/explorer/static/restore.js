"use strict";
// What the model makes of the drawing: reconstruction, error, and hidden pixels filled in.

class Restore {
  constructor(page) {
    Object.assign(this, page);
    this.drawing = new Drawing(this.scene, () => this.changed());
    this.reconstruct = latest(async () => {
      const example = this.drawing.seen(), found = await this.backend.reconstruct(example);
      this.code = found.code;
      Pixels.show(Page.element("restored"), found.example, this.scene);
      Pixels.difference(Page.element("difference"), example, found.example, this.scene.shape);
      const error = this.scene.error(example, found.example), percent = this.scene.percentile(error);
      Page.element("score").textContent = `anomaly score ½‖x − x̂‖² = ${error.toPrecision(3)}: `
        + `higher than that of ${Math.round(percent)} % of ${this.scene.errors.length} test examples`;
    });
    this.fill = latest(async () => {
      const state = Page.element("fill-state"), begin = performance.now();
      state.textContent = "Filling in …";
      try {
        const found = await this.backend.inpaint(this.drawing.seen(), this.drawing.mask(), Page.element("method").value);
        Pixels.show(Page.element("filled"), found, this.scene);
        state.textContent = `in ${(performance.now() - begin).toFixed(0)} ms ${this.backend.where}`;
      } catch (error) {
        state.textContent = "Not filled in.";
        throw error;
      }
    });
    Page.options(Page.element("method"), Object.entries(this.backend.methods));
    Page.element("missing").textContent = this.backend.missing;
    Page.click("fill", () => this.fill());
    Page.click("adopt", () => {
      this.state.set(this.code);
      Page.element("walk").scrollIntoView({ block: "nearest" });
      Page.element("walk").focus({ preventScroll: true });
    });
    this.drawing.load(0);
  }

  changed() {
    const hidden = this.drawing.known.filter((known) => !known).length;
    Page.element("fill").disabled = !hidden || hidden === this.drawing.known.length;
    Page.element("fill-state").textContent = hidden ? `${hidden} pixels are hidden.` : "Hide some pixels first.";
    this.drawing.draw(Page.element("filled"));
    this.reconstruct();
  }
}
