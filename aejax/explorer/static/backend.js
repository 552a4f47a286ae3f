"use strict";
// Who computes: the server that the page came from, or the page itself. Both answer the same questions, in promises:
//   decode([code]) -> [example], reconstruct(example) -> {code, example}, inpaint(example, known, method) -> example
// on the page's scale (images from 0 to 1), in flat Float32Arrays; known is 1 where a value is observed.

const Packed = {
  // What scene.pack wrote: {data: Float32Array or Uint8Array, shape}.
  unpack(packed) {
    const text = atob(packed.data), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return { data: packed.dtype === "uint8" ? bytes : new Float32Array(bytes.buffer), shape: packed.shape };
  },
  pack(array, shape) {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return { dtype: array instanceof Uint8Array ? "uint8" : "float32", shape, data: btoa(text) };
  },
  // The rows of an unpacked array, without a copy.
  rows({ data, shape }) {
    const size = data.length / shape[0];
    return Array.from({ length: shape[0] }, (_, i) => data.subarray(i * size, (i + 1) * size));
  },
};

class ServerBackend {
  constructor(scene) {
    this.shape = scene.shape;
    this.where = "by the server";
    this.methods = { energy: "nearest probable code", projection: "repeated projection" };
    this.missing = "";
  }

  async decode(codes) {
    const flat = new Float32Array(codes.length * codes[0].length);
    codes.forEach((code, i) => flat.set(code, i * code.length));
    const found = await this.ask("decode", { codes: Packed.pack(flat, [codes.length, codes[0].length]) });
    return Packed.rows(Packed.unpack(found.images));
  }

  async reconstruct(example) {
    const found = await this.ask("reconstruct", { examples: Packed.pack(example, [1, ...this.shape]) });
    return { code: Packed.unpack(found.codes).data, example: Packed.unpack(found.images).data };
  }

  async inpaint(example, known, method) {
    const shape = [1, ...this.shape];
    const found = await this.ask("inpaint",
      { example: Packed.pack(example, shape), known: Packed.pack(known, shape), method });
    return Packed.unpack(found.images).data;
  }

  async ask(what, value) {
    let answer;
    try {
      answer = await fetch(what,
        { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });
    } catch {
      throw new Error("The server does not answer: is aejax explore still running?");
    }
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error);
    return found;
  }
}

class FileBackend {
  constructor(scene, program) {
    this.shape = scene.shape;
    this.program = program;
    this.tensors = program.tensors.map(Packed.unpack);
    this.where = "in this browser";
    this.methods = { projection: "repeated projection" };
    this.missing = "Looking for the nearest probable code takes gradients: run aejax explore for that.";
  }

  decodeOne(code) {
    return Forward.run(this.program.decode, this.tensors, Float32Array.from(code));
  }

  encodeOne(example) {
    return Forward.run(this.program.encode, this.tensors, Float32Array.from(example), this.shape);
  }

  async decode(codes) {
    return codes.map((code) => this.decodeOne(code));
  }

  async reconstruct(example) {
    const code = this.encodeOne(example);
    return { code, example: this.decodeOne(code) };
  }

  // x <- known ⊙ x + (1 - known) ⊙ x̂, as aejax.applications.inpainting.project.
  async inpaint(example, known) {
    let x = Float32Array.from(example, (value, i) => (known[i] ? value : 0));
    for (let step = 0; step < 20; step++) {
      const found = this.decodeOne(this.encodeOne(x));
      x = x.map((value, i) => (known[i] ? value : found[i]));
    }
    return x;
  }

  // The largest difference to what JAX computed when the file was written.
  check() {
    const { examples, codes, images } = this.program.check;
    const difference = (found, expected) => found.reduce((most, v, i) => Math.max(most, Math.abs(v - expected[i])), 0);
    const expected = [codes, images].map((packed) => Packed.rows(Packed.unpack(packed)));
    const given = Packed.rows(Packed.unpack(examples));
    return Math.max(...given.map((example, i) => difference(this.encodeOne(example), expected[0][i])),
      ...expected[0].map((code, i) => difference(this.decodeOne(code), expected[1][i])));
  }
}

// `work`, never more than once at a time: of calls that come meanwhile the last one is made, the others are not.
function latest(work) {
  let running = false, waiting = null;
  return async (...given) => {
    waiting = given;
    if (running) return;
    running = true;
    Page.working(1);
    try {
      while (waiting) {
        const next = waiting;
        waiting = null;
        await work(...next);
      }
      Page.problem("");
    } catch (error) {
      Page.problem(error.message);
    } finally {
      running = false;
      Page.working(-1);
    }
  };
}
