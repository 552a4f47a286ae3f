"use strict";
// From code A to code B: a strip of decoded examples, and a slider along the line.

const STEPS = 9;

class Between {
  constructor(page) {
    Object.assign(this, page);
    this.ends = { A: null, B: null };
    this.strip = new Strip("strip", "Set A and B to see what lies between.");
    this.show = latest(async () => {
      const codes = Array.from({ length: STEPS }, (_, i) => this.at(i / (STEPS - 1)));
      const examples = await this.backend.decode(codes);
      const name = (i) => ["A", "B"][[0, STEPS - 1].indexOf(i)] || `${Math.round(100 * i / (STEPS - 1))} %`;
      this.strip.show(examples, this.scene, name, (i) => this.move(Math.round(100 * i / (STEPS - 1))));
    });
    Page.click("set-a", () => this.end("A", this.state.code));
    Page.click("set-b", () => this.end("B", this.state.code));
    Page.click("swap", () => {
      const pick = () => this.scene.codes[Math.floor(Math.random() * this.scene.codes.length)];
      this.set(pick(), pick());
    });
    Page.element("share").addEventListener("input", (event) => this.move(Number(event.target.value)));
    Page.element("share").disabled = true;
  }

  at(share) {
    return Vectors.between(this.ends.A, this.ends.B, share);
  }

  end(name, code) {
    this.ends[name] = Float32Array.from(code);
    const other = name === "A" ? "B" : "A";
    Page.say(this.ends[other] ? `${name} is set` : `${name} is set; now set ${other}`);
    if (this.ends[other]) this.set(this.ends.A, this.ends.B);
    else this.strip.blank(`${name} is set. Walk on, and set ${other}.`);
  }

  set(a, b) {
    this.ends = { A: a, B: b };
    Page.element("share").disabled = false;
    Page.element("share").value = 0;
    Page.element("share-value").textContent = "A";
    this.show();
  }

  move(percent) {
    Page.element("share").value = percent;
    Page.element("share-value").textContent = { 0: "A", 100: "B" }[percent] || `${percent} %`;
    this.state.set(this.at(percent / 100), { line: true });
  }
}

// Small examples in a row, each a button.
class Strip {
  constructor(id, empty) {
    this.box = Page.element(id);
    this.blank(empty);
  }

  blank(text) {
    const note = Page.make("p", text);
    note.className = "hint empty";
    this.box.replaceChildren(note);
    this.buttons = [];
  }

  show(examples, scene, name, choose) {
    if (this.buttons.length !== examples.length) {
      this.buttons = examples.map(() => {
        const button = Page.make("button", ""), canvas = document.createElement("canvas");
        button.type = "button";
        canvas.className = "picture";
        button.append(canvas, Page.make("span", ""));
        return button;
      });
      this.box.replaceChildren(...this.buttons);
    }
    this.buttons.forEach((button, i) => {
      Pixels.show(button.firstChild, examples[i], scene);
      button.lastChild.textContent = name(i);
      button.setAttribute("aria-label", `Decode ${name(i)}`);
      button.onclick = () => choose(i);
    });
  }
}
