"use strict";
// Draws from the Gaussian of the codes, at a temperature.

const SAMPLES = 16;

class Samples {
  constructor(page) {
    Object.assign(this, page);
    this.strip = new Strip("samples", "");
    this.temperature = Page.element("temperature");
    this.show = latest(async () => {
      const codes = this.noise.map((noise) => this.scene.sample(noise, Number(this.temperature.value)));
      const examples = await this.backend.decode(codes);
      this.strip.show(examples, this.scene, (i) => `${i + 1}`, (i) => this.state.set(codes[i]));
    });
    const turn = () => {
      Page.element("temperature-value").textContent = Number(this.temperature.value).toFixed(2);
      this.show();
    };
    this.temperature.addEventListener("input", turn);
    Page.click("sample", () => this.draw());
    this.draw();
    turn();
  }

  draw() {
    this.noise = Array.from({ length: SAMPLES }, () => Vectors.normal(this.scene.code_dim));
    this.show();
  }
}
