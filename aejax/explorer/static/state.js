"use strict";
// The scene, unpacked, and the code that is being looked at; whoever shows it is told when it changes.

class Scene {
  constructor(raw) {
    Object.assign(this, raw);
    const floats = (packed) => Packed.unpack(packed).data, rows = (packed) => Packed.rows(Packed.unpack(packed));
    this.mean = floats(raw.mean);
    this.directions = rows(raw.directions);
    this.spread = floats(raw.spread);
    this.codes = rows(raw.codes);
    this.errors = floats(raw.errors);
    this.prior = { mean: floats(raw.prior.mean), cholesky: rows(raw.prior.cholesky) };
    this.maps = raw.maps.map((map) => ({ name: map.name, places: rows(map.places) }));
    this.thumbnails = raw.thumbnails && { images: rows(raw.thumbnails), shape: raw.thumbnails.shape.slice(1) };
    this.steering = raw.steering.map((way) => ({ ...way, direction: floats(way.direction) }));
    const bytes = raw.examples.dtype === "uint8";
    this.examples = rows(raw.examples).map((x) => Float32Array.from(x, (v) => (bytes ? v / 255 : v)));
  }

  // A code's place along principal direction i, in standard deviations of the codes.
  coordinate(code, i) {
    if (!this.spread[i]) return 0;
    return code.reduce((sum, v, j) => sum + (v - this.mean[j]) * this.directions[i][j], 0) / this.spread[i];
  }

  // ½‖x − x̂‖² on the model's own scale.
  error(example, restored) {
    const unit = this.kind === "image" ? this.high - this.low : 1;
    return 0.5 * unit ** 2 * example.reduce((sum, v, i) => sum + (v - restored[i]) ** 2, 0);
  }

  // Percentage of test examples with a smaller error.
  percentile(error) {
    return 100 * this.errors.filter((other) => other < error).length / this.errors.length;
  }

  // mean + temperature · chol · noise
  sample(noise, temperature) {
    return this.prior.mean.map((mean, i) => {
      let sum = 0;
      for (let j = 0; j <= i; j++) sum += this.prior.cholesky[i][j] * noise[j];
      return mean + temperature * sum;
    });
  }

  // What the table's own units say of a standardised value.
  inUnits(value, column) {
    const scale = this.standardiser;
    return scale ? value * scale.std[column] + scale.mean[column] : value;
  }
}

class State {
  constructor(code) {
    this.code = code;
    this.watchers = [];
  }

  // `by` says who moved it, {place: [x, y]} where on the map, {steering: true} that the strength is part of it.
  set(code, by = {}) {
    this.code = Float32Array.from(code);
    this.watchers.forEach((watcher) => watcher(this.code, by));
  }

  watch(watcher) {
    this.watchers.push(watcher);
  }
}

const Vectors = {
  along: (start, direction, length) => start.map((v, i) => v + length * direction[i]),
  between: (a, b, share) => a.map((v, i) => (1 - share) * v + share * b[i]),
  normal(size) {
    return Float32Array.from({ length: size }, () =>
      Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()));
  },
};
